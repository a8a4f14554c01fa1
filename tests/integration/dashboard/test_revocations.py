"""Revocations with a broker: open streams end at once, and a new broker gets the revocations that it lacks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from uuid import UUID

import httpx
import pytest

from services.dashboard.app import create_app
from services.dashboard.domain.api_tokens import Grant
from services.dashboard.schedule import republish_lost_revocations
from services.dashboard.settings import Settings
from services.dashboard.use_cases.create_token import OPERATOR, create_token
from services.dashboard.use_cases.revoke_token import revoke_token
from shared.runtime.database import Database
from shared.runtime.messaging import Kafka, Lane
from shared.runtime.messaging.outbox.relay import Relay
from shared.runtime.observability import Health
from shared.runtime.web import read_revocations
from tests.integration.dashboard.test_stream import is_listening, open_stream
from tests.support.apps import AUTH_SECRET
from tests.support.brokers.base import Broker
from tests.support.brokers.tansu import Tansu
from tests.support.brokers.topics import create_topics, kafka_of
from tests.support.postgres import Cluster
from tests.support.processes import free_port
from tests.support.serving import serving
from tests.support.waiting import eventually
from tests.unit.dashboard.builders import Story


@pytest.fixture
async def broker(tansu: Tansu) -> Broker:
    """Return a broker with its topics."""
    started = Broker(tansu.bootstrap, "embedded", tansu, prefix="")
    await create_topics(started)
    return started


async def _create_token(database: Database, **fields: Any) -> tuple[str, dict[str, str]]:
    grant = Grant("a client", frozenset({"admin"}), None, **fields)
    async with database.transaction() as tx:
        token, text = await create_token(tx, AUTH_SECRET, grant, OPERATOR)
    return str(token.token_id), {"Authorization": f"Bearer {text}"}


@asynccontextmanager
async def _relaying(database: Database, kafka: Kafka) -> AsyncIterator[None]:
    relay = asyncio.create_task(Relay(database, kafka, Lane.SINGLE, Health(), poll_milliseconds=20).run())
    try:
        yield
    finally:
        relay.cancel()
        await asyncio.gather(relay, return_exceptions=True)


async def test_a_revoked_tokens_stream_ends_at_once_and_the_response_states_that_all_services_know(
    settings: Settings, broker: Broker, database: Database, fresh: Story, cluster: Cluster
) -> None:
    broker_settings = {"kafka_bootstrap": broker.bootstrap, "kafka_profile": "embedded"}
    app, port = create_app(settings.model_copy(update=broker_settings), worker=False), free_port()
    (_, admin), (token_id, token) = await _create_token(database), await _create_token(database)
    async with (
        _relaying(database, kafka_of(broker)),
        serving(app, port),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client,
    ):
        await eventually(partial(is_listening, cluster, settings))
        async with (
            open_stream(client, fresh.school_id, token) as events,
            open_stream(client, fresh.school_id, admin) as admin_events,
        ):
            # The time that a page waits is set short for tests without a broker.
            deleted = await client.delete(f"/dashboard/v1/tokens/{token_id}", headers=admin)
            assert deleted.status_code == 200
            assert await events.next() == ("end", None)
            again = await client.delete(f"/dashboard/v1/tokens/{token_id}", headers=admin)
            assert again.json()["announced"] is True
            assert (await client.get("/dashboard/v1/tokens", headers=token)).status_code == 401
            assert await admin_events.next(comments=True) == ("comment", ": still here")


async def test_a_new_broker_gets_the_revocations_again(
    broker: Broker, tansu: Tansu, database: Database
) -> None:
    """Also those older than the outbox; not those of expired tokens, and none twice."""
    kafka = kafka_of(broker)
    (old, _), (expired, _), (valid, _) = [await _create_token(database, days=days) for days in (365, 1, 365)]
    async with database.transaction() as tx:
        for token_id in (old, expired):
            await revoke_token(tx, UUID(token_id), OPERATOR)
    async with _relaying(database, kafka):
        await eventually(partial(_holds, kafka, {old, expired}), within_seconds=10)
    async with database.transaction() as tx:
        await tx.execute("DELETE FROM outbox")
        await tx.execute(
            "UPDATE access_tokens SET revoked_at = now() - interval '9 days' WHERE revoked_at < now()"
        )
        await tx.execute("UPDATE access_tokens SET expires_at = now() WHERE token_id = :id", {"id": expired})
    tansu.kill()
    tansu.start()
    await create_topics(broker)
    check = partial(republish_lost_revocations, database, partial(read_revocations, kafka))
    assert await check() is False
    await check()
    async with database.transaction() as tx:
        assert await tx.scalar("SELECT count(*) FROM outbox") == 1
    async with _relaying(database, kafka):
        await eventually(partial(_holds, kafka, {old}), within_seconds=10)
    await check()
    async with database.transaction() as tx:
        assert await tx.scalar("SELECT count(*) FROM outbox") == 1
    assert valid not in await read_revocations(kafka)


async def _holds(kafka: Kafka, expected: set[str]) -> None:
    assert await read_revocations(kafka) == expected


async def test_an_unreachable_broker_does_not_fail_the_periodic_task(database: Database) -> None:
    kafka = Kafka(f"127.0.0.1:{free_port()}", profile="embedded")
    assert await republish_lost_revocations(database, partial(read_revocations, kafka)) is False

"""Revoking with a bus: open streams end at once, and what a new bus does not know is said again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from uuid import UUID

import httpx
import pytest

from services.dashboard.app import create_app
from services.dashboard.domain.tokens import Grant
from services.dashboard.service.tokens import OPERATOR, mint_token, revoke_token
from services.dashboard.settings import Settings
from services.dashboard.timers import announcing
from shared.runtime.database import Database
from shared.runtime.messaging import Kafka, Lane
from shared.runtime.messaging.outbox.relay import Relay
from shared.runtime.observability import Health
from shared.runtime.web import read_revocations
from tests.integration.dashboard.test_stream import listens, watching
from tests.support.apps import AUTH_SECRET
from tests.support.brokers.base import Broker
from tests.support.brokers.tansu import Tansu
from tests.support.brokers.topics import create_topics, kafka_of
from tests.support.postgres import Cluster
from tests.support.processes import free_port
from tests.support.serving import serving
from tests.support.waiting import eventually
from tests.unit.dashboard.facts import Story


@pytest.fixture
async def bus(tansu: Tansu) -> Broker:
    """A broker with its topics."""
    broker = Broker(tansu.bootstrap, "embedded", tansu, prefix="")
    await create_topics(broker)
    return broker


async def _mint(database: Database, **of: Any) -> tuple[str, dict[str, str]]:
    grant = Grant("a program", frozenset({"admin"}), None, **of)
    async with database.transaction() as tx:
        token, text = await mint_token(tx, AUTH_SECRET, grant, OPERATOR)
    return str(token.token_id), {"Authorization": f"Bearer {text}"}


@asynccontextmanager
async def _relaying(database: Database, kafka: Kafka) -> AsyncIterator[None]:
    relay = asyncio.create_task(Relay(database, kafka, Lane.SINGLE, Health(), poll_milliseconds=20).run())
    try:
        yield
    finally:
        relay.cancel()
        await asyncio.gather(relay, return_exceptions=True)


async def test_a_revoked_tokens_stream_ends_at_once_and_the_answer_says_that_all_know(
    settings: Settings, bus: Broker, database: Database, fresh: Story, cluster: Cluster
) -> None:
    told = {"kafka_bootstrap": bus.bootstrap, "kafka_profile": "embedded"}
    app, port = create_app(settings.model_copy(update=told), worker=False), free_port()
    (_, admin), (token_id, token) = await _mint(database), await _mint(database)
    async with (
        _relaying(database, kafka_of(bus)),
        serving(app, port),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client,
    ):
        await eventually(partial(listens, cluster, settings))
        async with (
            watching(client, fresh.school_id, token) as events,
            watching(client, fresh.school_id, admin) as others,
        ):
            # What a page waits for is set short for tests without a bus.
            done = await client.delete(f"/dashboard/v1/tokens/{token_id}", headers=admin)
            assert done.status_code == 200
            assert await events.next() == ("end", None)
            again = await client.delete(f"/dashboard/v1/tokens/{token_id}", headers=admin)
            assert again.json()["announced"] is True
            assert (await client.get("/dashboard/v1/tokens", headers=token)).status_code == 401
            assert await others.next(comments=True) == ("comment", ": still here")


async def test_a_new_bus_hears_again_what_is_revoked(bus: Broker, tansu: Tansu, database: Database) -> None:
    """Also what is older than the outbox; not what is over anyway, and nothing twice."""
    kafka = kafka_of(bus)
    (old, _), (over, _), (valid, _) = [await _mint(database, days=days) for days in (None, 1, None)]
    async with database.transaction() as tx:
        for one in (old, over):
            await revoke_token(tx, UUID(one), OPERATOR)
    async with _relaying(database, kafka):
        await eventually(partial(_holds, kafka, {old, over}), within_seconds=10)
    async with database.transaction() as tx:
        await tx.execute("DELETE FROM outbox")
        await tx.execute(
            "UPDATE access_tokens SET revoked_at = now() - interval '9 days' WHERE revoked_at < now()"
        )
        await tx.execute("UPDATE access_tokens SET expires_at = now() WHERE expires_at < 'infinity'")
    tansu.kill()
    tansu.start()
    await create_topics(bus)
    look = announcing(database, partial(read_revocations, kafka))._action
    assert await look() is False
    await look()
    async with database.transaction() as tx:
        assert await tx.scalar("SELECT count(*) FROM outbox") == 1
    async with _relaying(database, kafka):
        await eventually(partial(_holds, kafka, {old}), within_seconds=10)
    await look()
    async with database.transaction() as tx:
        assert await tx.scalar("SELECT count(*) FROM outbox") == 1
    assert valid not in await read_revocations(kafka)


async def _holds(kafka: Kafka, expected: set[str]) -> None:
    assert await read_revocations(kafka) == expected


async def test_a_bus_that_is_away_does_not_make_the_timer_unwell(database: Database) -> None:
    kafka = Kafka(f"127.0.0.1:{free_port()}", profile="embedded")
    assert await announcing(database, partial(read_revocations, kafka))._action() is False

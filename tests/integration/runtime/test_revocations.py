"""Revoked at once: every process learns of it from the broker by itself, and says so before it takes a token."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from uuid import UUID, uuid4

import httpx
import pytest
from aiokafka.errors import KafkaError
from fastapi import APIRouter, FastAPI

from shared.contracts.dashboard import INSTALLATION, AccessTokenRevoked
from shared.runtime.core import ServiceSettings, load_settings
from shared.runtime.database import Database
from shared.runtime.messaging import Kafka, Lane, OutboxMessage, emit
from shared.runtime.messaging.outbox.relay import Relay
from shared.runtime.observability import Health
from shared.runtime.service import create_service_app
from shared.runtime.web import ReadRoster, TokenRevocations, mint_token, read_revocations
from shared.runtime.web.bearer_auth import ALL_RIGHTS
from shared.runtime.web.token_revocations import RevocationReader
from tests.support.apps import AUTH_SECRET, PUBLIC_URL, bearer
from tests.support.brokers.base import Broker
from tests.support.brokers.tansu import Tansu
from tests.support.brokers.topics import create_topics, delete_topics, kafka_of
from tests.support.processes import free_port
from tests.support.waiting import eventually

PATH = "/roster/v1/schools/{}/things"


def _app() -> FastAPI:
    settings = load_settings(ServiceSettings)
    router = APIRouter()

    @router.get("/roster/v1/schools/{school_id}/things")
    async def things(school_id: UUID, caller: ReadRoster) -> str:
        return f"{school_id} {caller.actor}"

    database = Database(settings.database_url, schema="roster")
    return create_service_app("roster", settings, database=database, routers=[router], worker=False)


@asynccontextmanager
async def _replica() -> AsyncIterator[httpx.AsyncClient]:
    """One process's worth of a service."""
    app = _app()
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=PUBLIC_URL) as client,
    ):
        yield client


def _token(token_id: UUID) -> dict[str, str]:
    minted = mint_token(AUTH_SECRET, schools=None, rights=ALL_RIGHTS, actor="a feed", identity=str(token_id))
    return {"Authorization": f"Bearer {minted}"}


async def _status(replica: httpx.AsyncClient, token: dict[str, str]) -> int:
    return (await replica.get(PATH.format(uuid4()), headers=token)).status_code


async def _ready(replica: httpx.AsyncClient) -> None:
    async def ready() -> None:
        answer = await replica.get("/readyz")
        assert answer.status_code == 200, answer.text

    await eventually(ready, within_seconds=60)


async def _revoke(environment: dict[str, str], *token_ids: UUID) -> None:
    """As the dashboard does: through its outbox."""
    async with (
        Database(environment["KINVITE_DATABASE_URL"], schema="dashboard") as database,
        database.transaction() as tx,
    ):
        events = [AccessTokenRevoked(token_id=one, revoked_at=tx.now) for one in token_ids]
        await emit(tx, *(OutboxMessage(event, INSTALLATION, 1) for event in events))


@asynccontextmanager
async def _relaying(environment: dict[str, str], broker: Broker) -> AsyncIterator[Kafka]:
    kafka = kafka_of(broker)
    async with Database(environment["KINVITE_DATABASE_URL"], schema="dashboard") as database:
        relay = asyncio.create_task(Relay(database, kafka, Lane.SINGLE, Health(), poll_milliseconds=20).run())
        try:
            yield kafka
        finally:
            relay.cancel()
            await asyncio.gather(relay, return_exceptions=True)


async def test_a_revoked_token_is_refused_by_every_replica_within_a_second_and_after_a_restart(
    environment: dict[str, str], broker: Broker
) -> None:
    await create_topics(broker)
    revoked, other = uuid4(), uuid4()
    async with _relaying(environment, broker), AsyncExitStack() as stack:
        replicas = [await stack.enter_async_context(_replica()) for _ in range(2)]
        for replica in replicas:
            await _ready(replica)
            assert await _status(replica, _token(revoked)) == 200
        begun = time.monotonic()
        await _revoke(environment, revoked)

        async def refused() -> None:
            for replica in replicas:
                assert await _status(replica, _token(revoked)) == 401

        await eventually(refused)
        spent = time.monotonic() - begun
        assert spent < 10, "a second on a machine with nothing else to do"
        for replica in replicas:
            assert await _status(replica, _token(other)) == 200
    # The relay is gone: what a new process knows it has read from the beginning of the topic.
    async with _replica() as restarted:
        await _ready(restarted)
        assert await _status(restarted, _token(revoked)) == 401
        assert await _status(restarted, _token(other)) == 200


async def test_all_of_many_revocations_are_known_before_a_process_is_ready(
    environment: dict[str, str], broker: Broker
) -> None:
    await create_topics(broker)
    revoked = [uuid4() for _ in range(3_000)]
    async with _relaying(environment, broker) as kafka:
        await _revoke(environment, *revoked)

        async def published() -> None:
            assert await read_revocations(kafka) == {str(one) for one in revoked}

        await eventually(published)
    async with _replica() as replica:
        await _ready(replica)
        for one in (revoked[0], revoked[-1]):
            assert await _status(replica, _token(one)) == 401


async def test_without_the_broker_a_new_process_is_not_ready_and_takes_no_token(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "KINVITE_DATABASE_URL": database_url,
        "KINVITE_KAFKA_BOOTSTRAP": f"127.0.0.1:{free_port()}",
        "KINVITE_PUBLIC_URL": PUBLIC_URL,
        "KINVITE_TOKEN_KEYS": f"k1:{'1a' * 32}",
        "KINVITE_AUTH_SECRET": AUTH_SECRET,
    }.items():
        monkeypatch.setenv(name, value)
    async with _replica() as replica:
        answer = await replica.get(PATH.format(uuid4()), headers=bearer())
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        probed = await replica.get("/readyz")
        assert probed.status_code == 503
        assert "revocations" in probed.json()["problems"]
        service = mint_token(AUTH_SECRET, schools=None, rights=ALL_RIGHTS, actor="staff:1", kind="service")
        assert await _status(replica, {"Authorization": f"Bearer {service}"}) == 200


async def test_a_process_whose_broker_goes_away_keeps_what_it_knows(
    database_url: str, tansu: Tansu, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = Broker(tansu.bootstrap, "embedded", tansu)
    environment = {"KINVITE_DATABASE_URL": database_url, **broker.environment}
    for name, value in {**environment, "KINVITE_PUBLIC_URL": PUBLIC_URL}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("KINVITE_TOKEN_KEYS", f"k1:{'1a' * 32}")
    monkeypatch.setenv("KINVITE_AUTH_SECRET", AUTH_SECRET)
    await create_topics(broker)
    revoked = uuid4()
    async with _replica() as replica:
        await _ready(replica)
        async with _relaying(environment, broker) as kafka:
            await _revoke(environment, revoked)

            async def published() -> None:
                assert str(revoked) in await read_revocations(kafka)

            await eventually(published)

            async def refused() -> None:
                assert await _status(replica, _token(revoked)) == 401

            await eventually(refused)
        await asyncio.to_thread(tansu.stop)
        assert await _status(replica, _token(revoked)) == 401
        assert await _status(replica, _token(uuid4())) == 200
        await _ready(replica)


@pytest.mark.kafka
@pytest.mark.parametrize("broker", ["kafka"], indirect=True)
async def test_the_topic_is_read_again_and_again_from_its_beginning(
    environment: dict[str, str], broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broker that lost its log begins a new one, whose end may be just where a reader of the old one waits."""
    await create_topics(broker)
    opened: list[None] = []
    enter = RevocationReader.__aenter__

    async def counted(reader: RevocationReader) -> RevocationReader:
        opened.append(None)
        return await enter(reader)

    monkeypatch.setattr(RevocationReader, "__aenter__", counted)
    before, after = uuid4(), uuid4()
    async with _relaying(environment, broker) as kafka, AsyncExitStack() as stack:
        revocations = TokenRevocations(kafka, Health(), reread_seconds=0.5)
        stack.callback(asyncio.create_task(revocations.run()).cancel)
        await _revoke(environment, before)
        await eventually(lambda: revocations.is_known_revoked(str(before)))
        await eventually(lambda: len(opened) >= 3)
        await delete_topics(broker)
        await eventually(partial(_made_anew, broker))
        await _revoke(environment, after)
        await eventually(lambda: revocations.is_known_revoked(str(after)))
        assert revocations.is_known_revoked(str(before)), "what was heard once stays revocations"


async def _made_anew(broker: Broker) -> None:
    """A topic's name is free again a moment after it was deleted."""
    try:
        await create_topics(broker)
    except KafkaError as error:
        raise AssertionError from error

"""The service with all its loops, over a real broker: facts come in by topic, commands leave by topic."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import pytest
from aiokafka import AIOKafkaConsumer
from fastapi import FastAPI
from httpx import AsyncClient

from services.invitations.app import create_app
from services.invitations.settings import Settings
from shared.contracts.envelope import decode
from shared.contracts.message import Message
from shared.contracts.notifier import SendMessage
from shared.contracts.roster import InvitationRequested, School, SchoolRegistered
from shared.runtime.core import load_settings
from shared.runtime.database import Database
from shared.runtime.messaging import Lane, OutboxMessage, emit
from shared.runtime.messaging.outbox.relay import Relay
from shared.runtime.observability import Health
from tests.integration.invitations.scene import Family
from tests.support.apps import bearer, running
from tests.support.brokers.base import Broker
from tests.support.brokers.topics import create_topics, kafka_of
from tests.support.waiting import eventually

COMMAND_TOPICS = ("notifier.commands", "notifier.commands.bulk")


@asynccontextmanager
async def roster(database_url: str, broker: Broker) -> AsyncIterator[Database]:
    """The roster's outbox and its relay."""
    async with Database(database_url, schema="roster") as database:
        relay = Relay(database, kafka_of(broker), Lane.SINGLE, Health(), poll_milliseconds=20)
        task = asyncio.create_task(relay.run())
        yield database
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def say(database: Database, school_id: UUID, *messages: Message) -> None:
    async with database.transaction() as tx:
        await emit(tx, *(OutboxMessage(message, school_id, 1) for message in messages))


async def commands(broker: Broker, expected: int) -> list[tuple[str, SendMessage]]:
    """The commands on the topics, once there are as many as expected: (topic, command)."""
    names = {kafka_of(broker).name(topic): topic for topic in COMMAND_TOPICS}
    consumer = AIOKafkaConsumer(*names, bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    found: list[tuple[str, SendMessage]] = []
    try:
        async with asyncio.timeout(30):
            while len(found) < expected:
                for records in (await consumer.getmany(timeout_ms=100)).values():
                    for record in records:
                        data = decode(record.value, record.headers).data
                        assert isinstance(data, SendMessage)
                        found.append((names[record.topic], data))
    finally:
        await consumer.stop()
    return found


async def test_p9_p13_c13_from_the_topic_of_the_roster_to_the_topics_of_commands(
    environment: dict[str, str], broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INVITATIONS_ROSTER_PATIENCE_SECONDS", "0")
    await create_topics(broker)
    school_id = uuid4()
    school = School(name="Elm Grove", country="GB", language="en", timezone="Europe/London")
    families = [Family(school_id, address=f"p{number}@example.org") for number in range(30)]
    app: FastAPI = create_app(load_settings(Settings))
    async with (
        roster(environment["KINVITE_DATABASE_URL"], broker) as source,
        running(app, headers=bearer()) as client,
    ):
        registered = SchoolRegistered(school_id=school_id, school=school)
        await say(source, school_id, registered, *(family.fact() for family in families))
        await say(source, school_id, InvitationRequested(parent_id=families[0].parent_id))
        await _known(client, school_id, families)
        url = f"/invitations/v1/schools/{school_id}"
        made = await client.post(f"{url}/bulk", json={"select": {"all": True}, "channel": "email"})
        assert made.status_code == 202

        async def done() -> None:
            shown = (await client.get(f"{url}/bulk/{made.json()['bulk_id']}")).json()
            assert (shown["state"], shown["selected"], shown["messaged"]) == ("done", 30, 29)

        await eventually(done, within_seconds=30)
        sent = await commands(broker, 30)
    assert {command.recipient.address for _, command in sent} == {family.address for family in families}
    assert [command.parent_id for topic, command in sent if topic == "notifier.commands"] == [
        families[0].parent_id
    ]


async def _known(client: AsyncClient, school_id: UUID, families: list[Family]) -> None:
    """Wait until all have arrived and the first one was invited."""
    url = f"/invitations/v1/schools/{school_id}/invitations"

    async def arrived() -> None:
        for family in families[1:]:
            assert (await client.get(f"{url}/{family.parent_id}")).status_code == 200
        shown = await client.get(f"{url}/{families[0].parent_id}")
        assert shown.status_code == 200
        assert shown.json()["status"] == "awaiting_verification"

    await eventually(arrived, within_seconds=60)

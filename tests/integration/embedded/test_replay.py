"""Republishing for an empty broker: exactly what some consumer group has not processed is marked as pending."""

from __future__ import annotations

from uuid import uuid4

import asyncpg
import pytest

from deploy.embedded.replay import replay
from shared.contracts.topics import INVITATIONS_INVITATION, NOTIFIER_COMMANDS, NOTIFIER_COMMANDS_BULK, Topic
from shared.runtime.core import new_id
from shared.runtime.messaging.inbox.dedup import dedup_id
from tests.support.postgres import as_owner


@pytest.fixture
def dsn(database_url: str) -> str:
    return as_owner(database_url).replace("+asyncpg", "")


async def _emit(
    connection: asyncpg.Connection, *, sent: bool = True, topic: Topic = INVITATIONS_INVITATION
) -> str:
    row = await connection.fetchrow(
        """INSERT INTO invitations.outbox (message_id, topic, key, lane, headers, data)
           VALUES ($1, $2, 'k', 'single', '{}', '{}') RETURNING id, message_id""",
        *(new_id(), topic.name),
    )
    assert row is not None
    if sent:
        await connection.execute("DELETE FROM invitations.outbox_runs WHERE first_id = $1", row["id"])
    else:
        await connection.execute(
            "INSERT INTO invitations.outbox_runs VALUES ('single', $1, $1) ON CONFLICT DO NOTHING", row["id"]
        )
    return str(row["message_id"])


async def _list_pending(connection: asyncpg.Connection) -> list[str]:
    rows = await connection.fetch(
        """SELECT message_id FROM invitations.outbox JOIN invitations.outbox_runs AS run
           ON id BETWEEN run.first_id AND run.last_id ORDER BY id"""
    )
    return [str(row["message_id"]) for row in rows]


async def _process(connection: asyncpg.Connection, group: str, message_id: str, source: str) -> None:
    schema = group.partition(".")[0]
    await connection.execute(
        f"INSERT INTO {schema}.inbox (consumer, id) VALUES ($1::text::{schema}.consumer_group, $2)",
        group,
        dedup_id(source, message_id),
    )


async def test_what_every_group_has_processed_stays_sent(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        everyone, some, nobody, pending, foreign = [
            await _emit(connection, sent=number != 3) for number in range(5)
        ]
        source = "/kinvite/invitations"
        for group in INVITATIONS_INVITATION.readers:
            await _process(connection, group, everyone, source)
            await _process(connection, group, foreign, "/somebody/else")
        await _process(connection, INVITATIONS_INVITATION.readers[0], some, source)
        await connection.execute(
            "INSERT INTO invitations.relay_lease VALUES ('single', $1, 7, now() + interval '1 hour')", uuid4()
        )
        assert await replay(dsn) == 3
        assert await _list_pending(connection) == [some, nobody, pending, foreign]
        assert await connection.fetchval("SELECT count(*) FROM invitations.relay_lease") == 0
        assert await replay(dsn) == 0
    finally:
        await connection.close()


@pytest.mark.parametrize("topic", [NOTIFIER_COMMANDS, NOTIFIER_COMMANDS_BULK], ids=lambda topic: topic.name)
async def test_i1_a_command_is_published_again_though_another_service_owns_its_topic(
    topic: Topic, dsn: str
) -> None:
    """The notifier owns the topic and invitations emits to it: a requested message must not be lost."""
    connection = await asyncpg.connect(dsn)
    try:
        executed, lost = [await _emit(connection, topic=topic) for _ in range(2)]
        await _process(connection, topic.readers[0], executed, "/kinvite/invitations")
        assert await replay(dsn) == 1
        assert await _list_pending(connection) == [lost]
    finally:
        await connection.close()

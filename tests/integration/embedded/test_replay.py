"""Refilling an emptied broker: published again is what some group has not passed, and nothing else."""

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


async def _emitted(
    connection: asyncpg.Connection, *, sent: bool = True, topic: Topic = INVITATIONS_INVITATION
) -> str:
    row = await connection.fetchrow(
        """INSERT INTO invitations.outbox (message_id, topic, key, lane, headers, data)
           VALUES ($1, $2, 'k', 'single', '{}', '{}') RETURNING id, message_id""",
        *(new_id(), topic.name),
    )
    assert row is not None
    if sent:
        await connection.execute("DELETE FROM invitations.outbox_pending WHERE id = $1", row["id"])
    return str(row["message_id"])


async def _pending(connection: asyncpg.Connection) -> list[str]:
    rows = await connection.fetch(
        "SELECT message_id FROM invitations.outbox JOIN invitations.outbox_pending USING (lane, id) ORDER BY id"
    )
    return [str(row["message_id"]) for row in rows]


async def _passed(connection: asyncpg.Connection, group: str, message_id: str, source: str) -> None:
    schema = group.partition(".")[0]
    await connection.execute(
        f"INSERT INTO {schema}.inbox (consumer, id) VALUES ($1::text::{schema}.consumer_group, $2)",
        group,
        dedup_id(source, message_id),
    )


async def test_what_every_group_has_passed_stays_sent(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        everyone, one, nobody, waiting, foreign = [await _emitted(connection, sent=n != 3) for n in range(5)]
        source = "/kinvite/invitations"
        for group in INVITATIONS_INVITATION.readers:
            await _passed(connection, group, everyone, source)
            await _passed(connection, group, foreign, "/somebody/else")
        await _passed(connection, INVITATIONS_INVITATION.readers[0], one, source)
        await connection.execute(
            "INSERT INTO invitations.relay_lease VALUES ('single', $1, 7, now() + interval '1 hour')", uuid4()
        )
        assert await replay(dsn) == 3
        assert await _pending(connection) == [one, nobody, waiting, foreign]
        assert await connection.fetchval("SELECT count(*) FROM invitations.relay_lease") == 0
        assert await replay(dsn) == 0
    finally:
        await connection.close()


@pytest.mark.parametrize("topic", [NOTIFIER_COMMANDS, NOTIFIER_COMMANDS_BULK], ids=lambda topic: topic.name)
async def test_i1_a_command_is_published_again_though_its_topic_belongs_to_who_obeys_it(
    topic: Topic, dsn: str
) -> None:
    """The notifier owns the topic, and invitations sends on it: a mail that was ordered must not be forgotten."""
    connection = await asyncpg.connect(dsn)
    try:
        obeyed, lost = [await _emitted(connection, topic=topic) for _ in range(2)]
        await _passed(connection, topic.readers[0], obeyed, "/kinvite/invitations")
        assert await replay(dsn) == 1
        assert await _pending(connection) == [lost]
    finally:
        await connection.close()

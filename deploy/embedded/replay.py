"""Republishing for a broker that has lost its content: what some consumer group has not processed is sent again.

Every consumer group writes an inbox row for every record that it has processed, so a message without one counts as
unsent for that group. Its outbox row is marked as pending, and the relay publishes it again in the order of the ids;
groups that have processed it already skip it. No other code reads the tables of all services.
"""

from __future__ import annotations

import asyncpg

from shared.contracts.topics import TOPICS, consumer_groups, topics_of

# A command travels on the topic of the service that executes it, so any outbox may hold messages for any topic.
_EMITTERS = sorted({topic.owner for topic in TOPICS})
_MARK_PENDING = """
INSERT INTO {emitter}.outbox_runs (lane, first_id, last_id)
SELECT sent.lane, sent.id, sent.id FROM {emitter}.outbox AS sent
 WHERE sent.topic = ANY($1)
   AND NOT EXISTS (SELECT FROM {emitter}.outbox_runs AS run
                    WHERE run.lane = sent.lane AND run.first_id BETWEEN sent.id - 1024 AND sent.id
                      AND run.last_id >= sent.id)
   AND NOT EXISTS (SELECT FROM {reader}.inbox AS processed
                    WHERE processed.id = sent.message_id
                      AND processed.consumer = $2::text::{reader}.consumer_group)
ON CONFLICT DO NOTHING
"""


async def replay(url: str) -> int:
    """Mark all messages that an empty broker lacks as pending and return their number. `url` is the administrator's.

    Call it only while no service runs: it also ends the leases of the relays, whose holders have ended.
    """
    connection = await asyncpg.connect(url, timeout=30)
    try:
        async with connection.transaction():
            count = 0
            for emitter in _EMITTERS:
                for group in consumer_groups():
                    count += await _mark_pending(connection, emitter, group)
                await connection.execute(f"DELETE FROM {emitter}.relay_lease")
            return count
    finally:
        await connection.close()


async def _mark_pending(connection: asyncpg.Connection, emitter: str, group: str) -> int:
    statement = _MARK_PENDING.format(emitter=emitter, reader=group.partition(".")[0])
    topics = [topic.name for topic in topics_of(group)]
    status = await connection.execute(statement, topics, group)
    return int(status.rpartition(" ")[2])

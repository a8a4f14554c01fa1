"""Refills a broker that began empty: what some consumer group has not passed is published again.

Every group writes an inbox row for every record it passes, so a message without one is unsent as far as that group
is concerned. Its outbox row is marked unsent, and the relay publishes it once more, in the order of the ids; groups
that had passed it already leave it aside. This reads the tables of all services, as nothing else does.
"""

import asyncpg

from shared.contracts.topics import TOPICS, consumer_groups, topics_of

# Commands travel on the topic of who obeys them, so each service's outbox may hold messages for each topic.
_EMITTERS = sorted({topic.owner for topic in TOPICS})
_MARK_UNSENT = """
INSERT INTO {emitter}.outbox_runs (lane, first_id, last_id)
SELECT sent.lane, sent.id, sent.id FROM {emitter}.outbox AS sent
 WHERE sent.topic = ANY($1)
   AND NOT EXISTS (SELECT FROM {emitter}.outbox_runs AS run
                    WHERE run.lane = sent.lane AND run.first_id BETWEEN sent.id - 1024 AND sent.id
                      AND run.last_id >= sent.id)
   AND NOT EXISTS (SELECT FROM {reader}.inbox AS passed
                    WHERE passed.id = sent.message_id AND passed.consumer = $2::text::{reader}.consumer_group)
ON CONFLICT DO NOTHING
"""


async def replay(url: str) -> int:
    """Mark for publishing what an empty broker has lost; how many messages that is. `url` is the administrator's.

    To be called while no service runs: it also ends the relays' leases, whose holders are gone.
    """
    connection = await asyncpg.connect(url, timeout=30)
    try:
        async with connection.transaction():
            marked = 0
            for emitter in _EMITTERS:
                for group in consumer_groups():
                    marked += await _mark_unsent(connection, emitter, group)
                await connection.execute(f"DELETE FROM {emitter}.relay_lease")
            return marked
    finally:
        await connection.close()


async def _mark_unsent(connection: asyncpg.Connection, emitter: str, group: str) -> int:
    statement = _MARK_UNSENT.format(emitter=emitter, reader=group.partition(".")[0])
    topics = [topic.name for topic in topics_of(group)]
    status = await connection.execute(statement, topics, group)
    return int(status.rpartition(" ")[2])

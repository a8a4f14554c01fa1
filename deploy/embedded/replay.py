"""Refills a broker that began empty: what some consumer group has not passed is published again.

Every group writes an inbox row for every record it passes, so a message without one is unsent as far as that group
is concerned. Its outbox row is marked unsent, and the relay publishes it once more, in the order of the ids; groups
that had passed it already leave it aside. This reads the tables of all services, as nothing else does.
"""

import asyncpg

from shared.contracts.topics import TOPICS, Topic

_MARK_UNSENT = """
INSERT INTO {owner}.outbox_pending (lane, id)
SELECT sent.lane, sent.id FROM {owner}.outbox AS sent
 WHERE sent.topic = $1
   AND NOT EXISTS (SELECT FROM {reader}.inbox AS passed
                    WHERE passed.consumer = $2 AND passed.source = $3 AND passed.message_id = sent.message_id::text)
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
            for topic in TOPICS:
                marked += await _mark_unsent(connection, topic)
            for owner in {topic.owner for topic in TOPICS}:
                await connection.execute(f"DELETE FROM {owner}.relay_lease")
            return marked
    finally:
        await connection.close()


async def _mark_unsent(connection: asyncpg.Connection, topic: Topic) -> int:
    marked = 0
    for group in topic.readers:
        statement = _MARK_UNSENT.format(owner=topic.owner, reader=group.partition(".")[0])
        status = await connection.execute(statement, topic.name, group, f"/kinvite/{topic.owner}")
        marked += int(status.rpartition(" ")[2])
    return marked

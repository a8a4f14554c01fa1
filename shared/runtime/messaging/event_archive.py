"""Event archive: events that left the outbox after its retention period, so that projections can be rebuilt.

An event without personal data is kept as it was published. On a topic with personal data an older event loses its data
once a newer one of its aggregate carries the whole state; its envelope (ids, version, time, actor) stays. Commands are
not kept. Nothing is published from here.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from shared.contracts.envelope import Attributes, Headers, attributes_of
from shared.contracts.message import all_messages
from shared.contracts.topics import TOPICS
from shared.runtime.database.transaction import Database, Transaction
from shared.runtime.messaging.outbox.emit import IS_PENDING

PAGE = 1_000
_EVENT_TOPICS = [topic.name for topic in TOPICS if ".commands" not in topic.name]
_PERSONAL_TOPICS = [topic.name for topic in TOPICS if topic.personal]
_WHOLE_STATE_TYPES = [message.contract.type for message in all_messages() if message.contract.whole]

_MOVE = f"""
WITH moved AS (
    DELETE FROM outbox WHERE id = ANY (ARRAY(
        SELECT id FROM outbox WHERE created_at < now() - make_interval(days => :days)
           AND NOT {IS_PENDING}
         ORDER BY id LIMIT :batch))
       -- Checked again: the row may have become pending since it was selected.
       AND NOT {IS_PENDING}
    RETURNING id, topic, key, headers, data
), archived AS (
    INSERT INTO history (id, topic, key, type, headers, data)
    SELECT id, topic, key, CAST(headers AS json) ->> 'ce_type', headers, data FROM moved
     WHERE topic = ANY (CAST(:event_topics AS text[]))
)
SELECT (SELECT count(*) FROM moved) AS moved,
       ARRAY(SELECT DISTINCT key FROM moved WHERE topic = ANY (CAST(:personal_topics AS text[]))) AS personal_keys
"""
_ERASE_SUPERSEDED = """
UPDATE history AS older SET data = NULL
 WHERE older.topic = ANY (CAST(:personal_topics AS text[])) AND older.key = ANY (CAST(:keys AS text[]))
   AND older.data IS NOT NULL
   AND EXISTS (SELECT FROM history AS newer
                WHERE newer.topic = older.topic AND newer.key = older.key AND newer.id > older.id
                  AND newer.type = ANY (CAST(:whole_state_types AS text[])))
"""
_COUNT = """
SELECT (SELECT count(*) FROM outbox WHERE topic = ANY (CAST(:event_topics AS text[])))
     + (SELECT count(*) FROM history WHERE topic = ANY (CAST(:event_topics AS text[])))
"""
_LIST = """
SELECT id, headers, data FROM {table}
 WHERE id > :after AND topic = ANY (CAST(:event_topics AS text[])) ORDER BY id LIMIT :page
"""


@dataclass(frozen=True, slots=True)
class ArchivedEvent:
    """Event as it was published; `value` is None where only the envelope is left."""

    headers: Headers
    value: bytes | None

    @property
    def attributes(self) -> Attributes:
        return attributes_of(self.headers)


async def archive_sent(tx: Transaction, *, days: int, batch: int) -> int:
    """Move sent messages older than `days` from the outbox to the archive, at most `batch`, and return their number.

    Commands are deleted.
    """
    parameters = {
        "days": days,
        "batch": batch,
        "event_topics": _EVENT_TOPICS,
        "personal_topics": _PERSONAL_TOPICS,
    }
    [row] = await tx.rows(_MOVE, parameters)
    if row.personal_keys:
        erased = {
            "personal_topics": _PERSONAL_TOPICS,
            "keys": row.personal_keys,
            "whole_state_types": _WHOLE_STATE_TYPES,
        }
        await tx.execute(_ERASE_SUPERSEDED, erased)
    return int(row.moved)


class EventArchive:
    """All events that one service has published, oldest first within each table. Events may come in any order."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def service(self) -> str:
        """Name of the service that published the events."""
        return self._database.schema

    async def count(self) -> int:
        """Return the number of events at present."""
        async with self._database.transaction() as tx:
            return int(await tx.scalar(_COUNT, {"event_topics": _EVENT_TOPICS}))

    async def pages(self, page: int = PAGE) -> AsyncIterator[Sequence[ArchivedEvent]]:
        """Yield all events committed before the call, and perhaps later ones, in pages.

        The outbox is read first, so that an event that moves to the archive during the reading is found there.
        """
        for table in ("outbox", "history"):
            after = 0
            while True:
                parameters = {"after": after, "event_topics": _EVENT_TOPICS, "page": page}
                async with self._database.transaction() as tx:
                    rows = await tx.rows(_LIST.format(table=table), parameters)
                if not rows:
                    break
                after = rows[-1].id
                yield [ArchivedEvent(_decode_headers(row.headers), _encode(row.data)) for row in rows]


def _decode_headers(stored: str) -> Headers:
    return [(name, value.encode()) for name, value in json.loads(stored).items()]


def _encode(stored: str | None) -> bytes | None:
    return None if stored is None else stored.encode()

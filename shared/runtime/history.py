"""What an owner has told, for whoever rebuilds a projection: facts are kept when the outbox forgets them.

A fact without personal data is kept as it was told. On a topic with personal data an older fact loses its data to a
newer one of its aggregate that carries the whole state; its envelope (ids, version, time, actor) stays. Commands are
not kept. Nothing here is published: who reads it asks for it.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from shared.contracts.envelope import Attributes, Headers, attributes_of
from shared.contracts.message import all_messages
from shared.contracts.topics import TOPICS
from shared.runtime.database import Database, Transaction
from shared.runtime.outbox import IS_PENDING

PAGE = 1_000
_FACTS = [topic.name for topic in TOPICS if ".commands" not in topic.name]
_PERSONAL = [topic.name for topic in TOPICS if topic.personal]
_WHOLE = [message.contract.type for message in all_messages() if message.contract.whole]

_MOVE = f"""
WITH gone AS (
    DELETE FROM outbox WHERE id = ANY (ARRAY(
        SELECT id FROM outbox WHERE created_at < now() - make_interval(days => :days)
           AND NOT {IS_PENDING}
         ORDER BY id LIMIT :batch))
       -- Asked again: it may be about to be published anew.
       AND NOT {IS_PENDING}
    RETURNING id, topic, key, headers, data
), kept AS (
    INSERT INTO history (id, topic, key, type, headers, data)
    SELECT id, topic, key, CAST(headers AS json) ->> 'ce_type', headers, data FROM gone
     WHERE topic = ANY (CAST(:facts AS text[]))
)
SELECT (SELECT count(*) FROM gone) AS moved,
       ARRAY(SELECT DISTINCT key FROM gone WHERE topic = ANY (CAST(:personal AS text[]))) AS people
"""
_BLANK = """
UPDATE history AS older SET data = NULL
 WHERE older.topic = ANY (CAST(:personal AS text[])) AND older.key = ANY (CAST(:keys AS text[]))
   AND older.data IS NOT NULL
   AND EXISTS (SELECT FROM history AS newer
                WHERE newer.topic = older.topic AND newer.key = older.key AND newer.id > older.id
                  AND newer.type = ANY (CAST(:whole AS text[])))
"""
_COUNT = """
SELECT (SELECT count(*) FROM outbox WHERE topic = ANY (CAST(:facts AS text[])))
     + (SELECT count(*) FROM history WHERE topic = ANY (CAST(:facts AS text[])))
"""
_READ = """
SELECT id, headers, data FROM {table}
 WHERE id > :after AND topic = ANY (CAST(:facts AS text[])) ORDER BY id LIMIT :page
"""


@dataclass(frozen=True, slots=True)
class Told:
    """A fact as it was published; `value` None where only its envelope is left."""

    headers: Headers
    value: bytes | None

    @property
    def attributes(self) -> Attributes:
        return attributes_of(self.headers)


async def keep_sent(transaction: Transaction, *, days: int, batch: int) -> int:
    """Move what was emitted more than `days` ago and is sent out of the outbox, at most `batch` rows; how many."""
    parameters = {"days": days, "batch": batch, "facts": _FACTS, "personal": _PERSONAL}
    [row] = await transaction.rows(_MOVE, parameters)
    if row.people:
        await transaction.execute(_BLANK, {"personal": _PERSONAL, "keys": row.people, "whole": _WHOLE})
    return int(row.moved)


class History:
    """Everything that one owner has told, oldest first as far as that is known. Facts may come in any order."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def owner(self) -> str:
        return self._database.schema

    async def count(self) -> int:
        """How many facts there are now."""
        async with self._database.transaction() as transaction:
            return int(await transaction.scalar(_COUNT, {"facts": _FACTS}))

    async def pages(self, page: int = PAGE) -> AsyncIterator[Sequence[Told]]:
        """All facts committed before the call, and perhaps later ones.

        The outbox is read first: a fact that moves to the history meanwhile is met there.
        """
        for table in ("outbox", "history"):
            after = 0
            while True:
                parameters = {"after": after, "facts": _FACTS, "page": page}
                async with self._database.transaction() as transaction:
                    rows = await transaction.rows(_READ.format(table=table), parameters)
                if not rows:
                    break
                after = rows[-1].id
                yield [Told(_headers(row.headers), _value(row.data)) for row in rows]


def _headers(stored: str) -> Headers:
    return [(name, text.encode()) for name, text in json.loads(stored).items()]


def _value(stored: str | None) -> bytes | None:
    return None if stored is None else stored.encode()

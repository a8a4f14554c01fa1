"""Dead letters as an operator meets them: list, show, give up, or deliver again through the group's own handler.

Delivering again is one transaction: the dead letter goes, the handler works; the inbox goes on remembering the record.
A handler that still refuses rolls all of it back, so the letter stays. Nothing passes through the broker, so no other
group sees the record again, and two operators at once have one effect.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.exc import DBAPIError

from shared.runtime.batch import read
from shared.runtime.consumer import Subscription
from shared.runtime.database import Database, Transaction
from shared.runtime.errors import Rejected, is_invalid_value
from shared.runtime.inbox import mark_of, pass_new
from shared.runtime.tracing import tracing

_LIST = """
SELECT dead_letter_id, consumer, topic, reason, detail, parked_at, headers ->> 'ce_type' AS type
  FROM dead_letter
 WHERE CAST(:consumer AS text) IS NULL OR consumer = :consumer
 ORDER BY parked_at, dead_letter_id LIMIT :limit
"""
_FIND = "SELECT * FROM dead_letter WHERE dead_letter_id = :id"
_CLAIM = "SELECT * FROM dead_letter WHERE dead_letter_id = :id FOR UPDATE"
_REMOVE = "DELETE FROM dead_letter WHERE dead_letter_id = :id"


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record as it was parked, in the shape in which the broker hands records out."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


async def dead_letters(
    transaction: Transaction, consumer: str | None = None, limit: int = 1_000
) -> list[Row[Any]]:
    """The oldest first, without their content."""
    return list(await transaction.rows(_LIST, {"consumer": consumer, "limit": limit}))


async def find_dead_letter(transaction: Transaction, dead_letter_id: UUID) -> Row[Any] | None:
    """One with its content, which may speak of a family."""
    found: Row[Any] | None = await transaction.row(_FIND, {"id": dead_letter_id})
    return found


async def redeliver(database: Database, subscription: Subscription, dead_letter_id: UUID) -> bool:
    """Deliver it again; False when it is not there (any more). Raises Rejected with the reason, and keeps it then."""
    async with database.transaction() as transaction:
        letter = await transaction.row(_CLAIM, {"id": dead_letter_id})
        if letter is None:
            return False
        entry = read(_record(letter), subscription.handlers)
        if entry.fault is not None:
            raise Rejected(entry.fault.reason, entry.fault.detail)
        await transaction.execute(_REMOVE, {"id": dead_letter_id})
        # Passed it has been, unless that was so long ago that it is forgotten.
        await pass_new(transaction, letter.consumer, [mark_of(letter.source, letter.message_id)])
        if entry.received is not None:
            handler = subscription.handlers[type(entry.received.data)]
            try:
                with tracing(entry.received.traceparent):
                    await handler(transaction, [entry.received])
            except DBAPIError as error:
                if is_invalid_value(error):
                    raise Rejected("value_cannot_be_stored") from error
                raise
    return True


async def drop(transaction: Transaction, dead_letter_id: UUID) -> bool:
    """Give it up for good; False when it is not there. Its inbox row stays, so the record is not worked on again."""
    return await transaction.row(f"{_REMOVE} RETURNING dead_letter_id", {"id": dead_letter_id}) is not None


def _record(letter: Row[Any]) -> StoredRecord:
    return StoredRecord(
        letter.topic,
        letter.partition,
        letter.record_offset,
        letter.key,
        letter.value,
        _headers(letter.headers),
    )


def _headers(stored: Mapping[str, str]) -> list[tuple[str, bytes]]:
    return [
        (name.removeprefix("base64:"), base64.b64decode(text))
        if name.startswith("base64:")
        else (name, text.encode())
        for name, text in stored.items()
    ]

"""Dead letters: records that can never work, stored as rows with the reason, in the transaction of their inbox row.

An operator lists, shows, drops or replays them. A replay is one transaction: the dead letter is deleted and the group's
own handler works on the record, while the inbox goes on remembering it. A handler that rejects the record again rolls
everything back, so the dead letter stays. Nothing passes through the broker: no other group sees the record again, and
two replays at once take effect once.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.exc import DBAPIError

from shared.runtime.core.errors import Rejected, is_invalid_value
from shared.runtime.core.ids import new_id
from shared.runtime.database.transaction import Database, Transaction
from shared.runtime.messaging.inbox.decoding import DecodedRecord, decode_record
from shared.runtime.messaging.inbox.dedup import dedup_id, record_and_filter
from shared.runtime.messaging.inbox.subscription import Subscription
from shared.runtime.observability.tracing import traced

_INSERT = """
INSERT INTO dead_letter (dead_letter_id, consumer, source, message_id, topic, partition, record_offset,
                         key, headers, value, reason, detail)
VALUES (:dead_letter_id, :consumer, :source, :message_id, :topic, :partition, :record_offset,
        :key, CAST(:headers AS jsonb), :value, :reason, :detail)
"""
_COUNT_RECENT = """
SELECT count(*) FROM dead_letter WHERE consumer = :consumer AND parked_at > now() - interval '1 hour'
"""


async def write_dead_letter(
    tx: Transaction, consumer: str, decoded: DecodedRecord, reason: str, detail: str
) -> None:
    """Write a dead letter. Headers that are not UTF-8 are stored in base64 under `base64:<name>`."""
    record = decoded.record
    await tx.execute(
        _INSERT,
        {
            "dead_letter_id": new_id(),
            "consumer": consumer,
            "source": decoded.identity[0],
            "message_id": decoded.identity[1],
            "topic": record.topic,
            "partition": record.partition,
            "record_offset": record.offset,
            "key": record.key,
            "headers": _encode_headers(record.headers),
            "value": record.value,
            "reason": reason,
            "detail": detail.replace("\x00", "")[:1000],
        },
    )


async def count_recent_dead_letters(tx: Transaction, consumer: str) -> int:
    """Return how many dead letters the group wrote in the last hour."""
    return int(await tx.scalar(_COUNT_RECENT, {"consumer": consumer}))


def _encode_headers(headers: Iterable[tuple[str, bytes]]) -> str:
    texts = {}
    for name, value in headers:
        try:
            texts[name] = (value or b"").decode()
        except UnicodeDecodeError:
            texts[f"base64:{name}"] = base64.b64encode(value).decode()
    return json.dumps(texts).replace("\\u0000", "\\ufffd")


_LIST = """
SELECT dead_letter_id, consumer, topic, reason, detail, parked_at, headers ->> 'ce_type' AS type
  FROM dead_letter
 WHERE CAST(:consumer AS text) IS NULL OR consumer = :consumer
 ORDER BY parked_at, dead_letter_id LIMIT :limit
"""
_FIND = "SELECT * FROM dead_letter WHERE dead_letter_id = :id"
_LOCK = "SELECT * FROM dead_letter WHERE dead_letter_id = :id FOR UPDATE"
_DELETE = "DELETE FROM dead_letter WHERE dead_letter_id = :id"


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """Record as it was parked, in the shape of a fetched record."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


async def list_dead_letters(
    tx: Transaction, consumer: str | None = None, limit: int = 1_000
) -> list[Row[Any]]:
    """Return dead letters, the oldest first, without their content."""
    return list(await tx.rows(_LIST, {"consumer": consumer, "limit": limit}))


async def find_dead_letter(tx: Transaction, dead_letter_id: UUID) -> Row[Any] | None:
    """Return a dead letter with its content, which may be personal data, or None."""
    row: Row[Any] | None = await tx.row(_FIND, {"id": dead_letter_id})
    return row


async def replay_dead_letter(database: Database, subscription: Subscription, dead_letter_id: UUID) -> bool:
    """Deliver a dead letter again to its group's handler. Returns False if it does not exist (any more).

    Raises Rejected with the reason if the handler rejects the record again; the dead letter then stays.
    """
    async with database.transaction() as tx:
        dead_letter = await tx.row(_LOCK, {"id": dead_letter_id})
        if dead_letter is None:
            return False
        decoded = decode_record(_record(dead_letter), subscription.handlers)
        if decoded.fault is not None:
            raise Rejected(decoded.fault.reason, decoded.fault.detail)
        await tx.execute(_DELETE, {"id": dead_letter_id})
        # Passed it has been, unless that was so long ago that it is forgotten.
        await record_and_filter(
            tx, dead_letter.consumer, [dedup_id(dead_letter.source, dead_letter.message_id)]
        )
        if decoded.received is not None:
            handler = subscription.handlers[type(decoded.received.data)]
            try:
                with traced(decoded.received.traceparent):
                    await handler(tx, [decoded.received])
            except DBAPIError as error:
                if is_invalid_value(error):
                    raise Rejected("value_cannot_be_stored") from error
                raise
    return True


async def drop_dead_letter(tx: Transaction, dead_letter_id: UUID) -> bool:
    """Delete a dead letter for good. Returns False if it does not exist.

    Its inbox row stays, so the record is not processed again.
    """
    return await tx.row(f"{_DELETE} RETURNING dead_letter_id", {"id": dead_letter_id}) is not None


def _record(dead_letter: Row[Any]) -> StoredRecord:
    return StoredRecord(
        dead_letter.topic,
        dead_letter.partition,
        dead_letter.record_offset,
        dead_letter.key,
        dead_letter.value,
        _decode_headers(dead_letter.headers),
    )


def _decode_headers(stored: Mapping[str, str]) -> list[tuple[str, bytes]]:
    return [
        (name.removeprefix("base64:"), base64.b64decode(text))
        if name.startswith("base64:")
        else (name, text.encode())
        for name, text in stored.items()
    ]

"""Dead letters: records that can never work, as rows with the reason, written together with their inbox row."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from shared.runtime.database import Transaction
from shared.runtime.ids import new_id

if TYPE_CHECKING:
    from shared.runtime.batch import Entry

_PARK = """
INSERT INTO dead_letter (dead_letter_id, consumer, source, message_id, topic, partition, record_offset,
                         key, headers, value, reason, detail)
VALUES (:dead_letter_id, :consumer, :source, :message_id, :topic, :partition, :record_offset,
        :key, CAST(:headers AS jsonb), :value, :reason, :detail)
"""
_RECENT = """
SELECT count(*) FROM dead_letter WHERE consumer = :consumer AND parked_at > now() - interval '1 hour'
"""


async def park(transaction: Transaction, consumer: str, entry: Entry, reason: str, detail: str) -> None:
    """Write one dead letter. Headers that are not UTF-8 are kept in base64 under `base64:<name>`."""
    record = entry.record
    await transaction.execute(
        _PARK,
        {
            "dead_letter_id": new_id(),
            "consumer": consumer,
            "source": entry.identity[0],
            "message_id": entry.identity[1],
            "topic": record.topic,
            "partition": record.partition,
            "record_offset": record.offset,
            "key": record.key,
            "headers": _headers(record.headers),
            "value": record.value,
            "reason": reason,
            "detail": detail.replace("\x00", "")[:1000],
        },
    )


async def parked_in_last_hour(transaction: Transaction, consumer: str) -> int:
    """How many dead letters the consumer wrote in the last hour."""
    return int(await transaction.scalar(_RECENT, {"consumer": consumer}))


def _headers(headers: Iterable[tuple[str, bytes]]) -> str:
    texts = {}
    for name, value in headers:
        try:
            texts[name] = (value or b"").decode()
        except UnicodeDecodeError:
            texts[f"base64:{name}"] = base64.b64encode(value).decode()
    return json.dumps(texts).replace("\\u0000", "\\ufffd")

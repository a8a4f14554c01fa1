"""Inbox: the records that each consumer group has processed. Every record leaves a row, also ignored and parked ones.

A row is 16 bytes for the record, 4 for the group, and the time. The deduplication id of a record is its message id if
one of our services produced it: those are time-ordered, so new rows lie together at the right end of the index. An id
of another system need not be a UUID and may clash with one of a third: its deduplication id is a digest of source and
id.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from uuid import UUID

from shared.runtime.database.results import Result
from shared.runtime.database.school_scope import FirstStatement
from shared.runtime.database.transaction import Transaction

# Lower than any id of ours: a UUIDv7 of the year 2004. Digests begin with a zero byte and are lower still.
FIRST_OWN_ID = UUID("01000000-0000-0000-0000-000000000000")
OWN_SOURCE = r"/kinvite/[a-z]+"
OWN_ID = r"0[1-9a-f][0-9a-f]{6}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
_is_own_source = re.compile(OWN_SOURCE).fullmatch
_is_own_id = re.compile(OWN_ID).fullmatch

# An array literal in one text costs a tenth of what the driver spends on the elements of a list.
_INSERT = """
WITH inserted AS (
    INSERT INTO inbox (consumer, id)
    SELECT CAST(CAST(:consumer AS text) AS consumer_group), id
      FROM unnest(CAST(CAST(:ids AS text) AS uuid[])) AS batch (id)
    ON CONFLICT DO NOTHING
    RETURNING 1
)
SELECT now() AS now, count(*) AS new FROM inserted
"""
_LIST_NEW = """
SELECT CAST(id AS text) AS dedup_id FROM inbox
 WHERE consumer = CAST(CAST(:consumer AS text) AS consumer_group) AND id = ANY (CAST(CAST(:ids AS text) AS uuid[]))
   AND xmin = CAST(pg_current_xact_id() AS xid)
"""

Identity = tuple[str, str]
"""CloudEvents source and id of a message."""


def dedup_id(source: str, message_id: str) -> str:
    """Return the UUID (canonical text) under which the inbox remembers a message."""
    if _is_own_id(message_id) and _is_own_source(source):
        return message_id
    digest = hashlib.sha256(f"{source}\0{message_id}".encode()).digest()
    return str(UUID(bytes=b"\0" + digest[:15]))


def record_batch(consumer: str, dedup_ids: Collection[str]) -> FirstStatement[int]:
    """Return the first statement that records a batch in the inbox and reads how many of its records were new.

    Rows are inserted in one order, so that two consumers cannot deadlock; the statement waits for a transaction that
    is recording one of them.
    """
    return FirstStatement(_INSERT, _parameters(consumer, dedup_ids), _read_count)


async def new_in_batch(tx: Transaction, consumer: str, dedup_ids: Collection[str], new: int) -> set[str]:
    """Return the deduplication ids that this transaction has recorded; `new` is their number."""
    unique = set(dedup_ids)
    if new == len(unique):
        return unique
    return {row.dedup_id for row in await tx.rows(_LIST_NEW, _parameters(consumer, unique))}


async def record_and_filter(tx: Transaction, consumer: str, dedup_ids: Collection[str]) -> set[str]:
    """Record a batch in the inbox in a running transaction and return the deduplication ids that were new.

    Call it once per transaction and without savepoints: new rows are recognised by the transaction that wrote them.
    """
    row = await tx.row(_INSERT, _parameters(consumer, dedup_ids))
    return await new_in_batch(tx, consumer, dedup_ids, row.new)


def _read_count(result: Result) -> int:
    return int(result.first().new)


def _parameters(consumer: str, dedup_ids: Collection[str]) -> dict[str, str]:
    return {"consumer": consumer, "ids": f"{{{','.join(sorted(set(dedup_ids)))}}}"}

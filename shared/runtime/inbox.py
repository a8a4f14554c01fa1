"""The inbox: which records a consumer group has passed. Every record leaves a row, also ignored and parked ones.

A row is 16 bytes for the record, 4 for the group and the moment. A record's mark is its id where one of our services
made it: time-ordered, so that what comes now lies together at the right end of the index. What others called their
records is no UUID, or not one that we can trust to be nobody else's: their mark is a digest of source and id.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from uuid import UUID

from shared.runtime.database import Opening, Transaction

# No id of ours is as low: the year is 2004 there.
FIRST_OWN_MARK = UUID("01000000-0000-0000-0000-000000000000")
OWN_SOURCE = r"/kinvite/[a-z]+"
OWN_ID = r"0[1-9a-f][0-9a-f]{6}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
_is_own_source = re.compile(OWN_SOURCE).fullmatch
_is_own_id = re.compile(OWN_ID).fullmatch

# One text makes an array for a tenth of what the driver takes to look at the items of a list.
_REMEMBER = """
WITH remembered AS (
    INSERT INTO inbox (consumer, id)
    SELECT CAST(CAST(:consumer AS text) AS consumer_group), id
      FROM unnest(CAST(CAST(:marks AS text) AS uuid[])) AS passing (id)
    ON CONFLICT DO NOTHING
    RETURNING 1
)
SELECT now() AS now, count(*) AS new FROM remembered
"""
_NEW = """
SELECT CAST(id AS text) AS mark FROM inbox
 WHERE consumer = CAST(CAST(:consumer AS text) AS consumer_group) AND id = ANY (CAST(CAST(:marks AS text) AS uuid[]))
   AND xmin = CAST(pg_current_xact_id() AS xid)
"""

Identity = tuple[str, str]


def mark_of(source: str, message_id: str) -> str:
    """The UUID (canonical text) under which a record is remembered."""
    if _is_own_id(message_id) and _is_own_source(source):
        return message_id
    digest = hashlib.sha256(f"{source}\0{message_id}".encode()).digest()
    return str(UUID(bytes=b"\0" + digest[:15]))


def passing(consumer: str, marks: Collection[str]) -> Opening:
    """Remember the records as a transaction begins; then `passed` says which of them were new.

    In one order always, so that two consumers cannot deadlock. Waits for whoever passes one of the records just now.
    """
    return Opening(_REMEMBER, _parameters(consumer, marks))


async def passed(transaction: Transaction, consumer: str, marks: Collection[str]) -> set[str]:
    """Of the records with which the transaction began, those that the group had not passed before."""
    return await _new_of(transaction, transaction.opened.first().new, consumer, marks)


async def pass_new(transaction: Transaction, consumer: str, marks: Collection[str]) -> set[str]:
    """The same in a transaction that began with something else. To be called once in it, without savepoints."""
    remembered = await transaction.row(_REMEMBER, _parameters(consumer, marks))
    return await _new_of(transaction, remembered.new, consumer, marks)


async def _new_of(transaction: Transaction, count: int, consumer: str, marks: Collection[str]) -> set[str]:
    wanted = set(marks)
    if count == len(wanted):
        return wanted
    return {row.mark for row in await transaction.rows(_NEW, _parameters(consumer, wanted))}


def _parameters(consumer: str, marks: Collection[str]) -> dict[str, str]:
    return {"consumer": consumer, "marks": f"{{{','.join(sorted(set(marks)))}}}"}

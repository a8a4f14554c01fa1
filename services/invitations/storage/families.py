"""All that is known about parents when somebody wants to invite them, in three statements for any number.

Not in fewer, unless the locks are had before (`opening`): what another transaction has just written about a parent is
seen by a statement that begins after the parent's lock was taken, and what it wrote about an invitation by one after
the invitation's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from services.invitations.domain.models import Invitation, School, Usage
from services.invitations.domain.rules import Family
from services.invitations.domain.states import Channel
from services.invitations.storage.copies import parent_from, school_from
from services.invitations.storage.invitations import (
    COLUMNS,
    TYPES,
    claim_by_parents,
    find_by_parents,
    invitation_from,
)
from shared.runtime.database import FirstStatement, Transaction

_PARENTS = """
SELECT p.parent_id, p.school_id, p.name, p.language, p.contacts, p.has_access, p.removed,
       s.name AS school_name, s.language AS school_language, s.timezone, s.credentials_mode,
       s.invitation_lifetime_days, s.reminder_days, s.quiet_from, s.quiet_until
  FROM parents AS p JOIN schools AS s USING (school_id)
 WHERE p.parent_id = ANY(CAST(:ids AS uuid[])) ORDER BY p.parent_id
"""
_FIND = text(_PARENTS)
_CLAIM = text(f"{_PARENTS} FOR UPDATE OF p")
"""Locks the parents in id order."""
_ALL_NOTES = """
SELECT parent_id, contact_id, address_digest, messages, verified_at, NULL AS channel
  FROM contact_usages WHERE {which}
 UNION ALL
SELECT parent_id, NULL, address_digest, NULL, NULL, channel
  FROM opt_outs WHERE {which} AND opted_out
"""
_NOTES = text(_ALL_NOTES.format(which="parent_id = ANY(CAST(:ids AS uuid[]))"))
_LOCKS = (
    "SELECT FROM parents WHERE parent_id = $1 FOR UPDATE",
    "SELECT FROM invitations WHERE parent_id = $1 FOR UPDATE",
)
# A row for every note. What the invitation has comes last, so that its columns can be called as they are.
_ONE = f"""
WITH known AS MATERIALIZED ({_PARENTS.replace("ANY(CAST(:ids AS uuid[]))", "CAST(:parent_id AS uuid)")})
SELECT now() AS now, known.*, note.contact_id, note.address_digest, note.messages, note.verified_at, note.channel,
       i.*
  FROM (VALUES (0)) AS always (there)
  LEFT JOIN known ON true
  LEFT JOIN LATERAL ({_ALL_NOTES.format(which="parent_id = known.parent_id")}) AS note ON true
  LEFT JOIN (SELECT {COLUMNS} FROM invitations WHERE parent_id = CAST(:parent_id AS uuid)) AS i ON true
"""


def opening(parent_id: UUID) -> FirstStatement:
    """How a transaction begins that claims this one parent."""
    locks = tuple((lock, parent_id) for lock in _LOCKS)
    return FirstStatement(_ONE, {"parent_id": parent_id}, locks)


def claimed(tx: Transaction) -> dict[UUID, Family]:
    """The one parent whom `opening` has locked, if known."""
    rows = tx.opened.all()
    first = rows[0]
    if first.parent_id is None:
        return {}
    notes = _noted(row for row in rows if row.address_digest is not None)[first.parent_id]
    own = first[-len(TYPES) :]
    family = Family(
        parent_from(first),
        school_from(first, first.school_name, first.school_language),
        None if own[0] is None else invitation_from(own),
        notes.usages,
        notes.opted_out,
    )
    return {first.parent_id: family}


async def claim(tx: Transaction, parent_ids: Collection[UUID]) -> dict[UUID, Family]:
    """Lock the known ones of these parents in id order, then their invitations in theirs."""
    rows = await tx.rows(_CLAIM, {"ids": list(parent_ids)})
    return await _families(tx, rows, await claim_by_parents(tx, [row.parent_id for row in rows]))


async def find(tx: Transaction, parent_ids: Collection[UUID]) -> dict[UUID, Family]:
    """What is known about these parents, nothing locked; those whose school has not arrived are left out."""
    rows = await tx.rows(_FIND, {"ids": list(parent_ids)})
    return await _families(tx, rows, await find_by_parents(tx, [row.parent_id for row in rows]))


@dataclass(slots=True)
class _Notes:
    usages: tuple[Usage, ...] = ()
    opted_out: frozenset[tuple[Channel, str]] = frozenset()


async def _families(
    tx: Transaction, rows: Sequence[Row[Any]], present: Mapping[UUID, Invitation]
) -> dict[UUID, Family]:
    if not rows:
        return {}
    notes, schools = await _notes(tx, [row.parent_id for row in rows]), _schools(rows)
    return {
        row.parent_id: Family(
            parent_from(row),
            schools[row.school_id],
            present.get(row.parent_id),
            notes[row.parent_id].usages,
            notes[row.parent_id].opted_out,
        )
        for row in rows
    }


async def _notes(tx: Transaction, parent_ids: list[UUID]) -> dict[UUID, _Notes]:
    return _noted(await tx.rows(_NOTES, {"ids": parent_ids}))


def _noted(rows: Iterable[Row[Any]]) -> dict[UUID, _Notes]:
    found: defaultdict[UUID, _Notes] = defaultdict(_Notes)
    for row in rows:
        notes = found[row.parent_id]
        if row.channel is None:
            usage = Usage(row.parent_id, row.contact_id, row.address_digest, row.messages, row.verified_at)
            notes.usages += (usage,)
        else:
            notes.opted_out |= {(Channel(row.channel), row.address_digest)}
    return found


def _schools(rows: Sequence[Row[Any]]) -> dict[UUID, School]:
    """Each of them once, however many parents it has here."""
    return {
        school_id: school_from(row, row.school_name, row.school_language)
        for school_id, row in {row.school_id: row for row in rows}.items()
    }

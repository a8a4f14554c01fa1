"""Reads and claims of invitations, and of everything that inviting a parent depends on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, get_args, get_type_hints
from uuid import UUID

from sqlalchemy import Row, text

from services.invitations.domain.models import Contact, ContactUsage, Invitation, Parent, School
from services.invitations.domain.rules import Invitee
from shared.contracts.quiet_hours import QuietHours
from shared.contracts.values import Channel, ContactKind
from shared.runtime.core import Rejected, parse_uuid
from shared.runtime.database import FirstStatement, Result, Transaction, array_literal, not_set_aside

_HINTS = get_type_hints(Invitation)
_POSTGRESQL_TYPES = {UUID: "uuid", int: "bigint", datetime: "timestamptz"}


def _postgresql_type(hint: Any) -> str:
    """Return the type of a column by the type of its field, which may be optional."""
    return next(
        (_POSTGRESQL_TYPES[kind] for kind in (hint, *get_args(hint)) if kind in _POSTGRESQL_TYPES), "text"
    )


TYPES = {name: _postgresql_type(hint) for name, hint in _HINTS.items()}
"""PostgreSQL types of the columns, which are the fields of `Invitation`, in their order."""
COLUMNS = ", ".join(TYPES)
"""Select list that `invitation_from` reads."""
_ENUM_VALUES = [
    (index, {member.value: member for member in hint})
    for index, hint in enumerate(_HINTS.values())
    if isinstance(hint, type) and issubclass(hint, StrEnum)
]

# One index look-up per parent, whatever the plan. With `parent_id = ANY(...)` in the order of the primary key, a plan
# made while the table was nearly empty scans the whole table and unpacks the list of ids for every row.
_BY_PARENTS = f"""
SELECT {COLUMNS} FROM invitations
 WHERE invitation_id = ANY(ARRAY(
       SELECT of_parent.invitation_id
         FROM unnest(CAST(CAST(:ids AS text) AS uuid[])) AS wanted (parent_id)
        CROSS JOIN LATERAL
              (SELECT invitation_id FROM invitations WHERE parent_id = wanted.parent_id OFFSET 0) AS of_parent))
 ORDER BY invitation_id
"""
_FIND_BY_PARENTS = text(_BY_PARENTS)
CLAIM_BY_PARENTS = text(f"{_BY_PARENTS} FOR UPDATE")
CLAIM_BY_IDS = text(
    f"""
    SELECT {COLUMNS} FROM invitations WHERE invitation_id = ANY(CAST(:ids AS uuid[]))
     ORDER BY invitation_id FOR UPDATE
    """
)
CLAIM_REMINDERS = text(
    f"""
    SELECT {COLUMNS} FROM invitations WHERE next_reminder_at <= :now
       AND {not_set_aside("reminders", "invitation_id")}
     ORDER BY next_reminder_at LIMIT :limit FOR UPDATE SKIP LOCKED
    """
)
CLAIM_DEFERRED = text(
    f"""
    SELECT {COLUMNS} FROM invitations WHERE send_at <= :now
       AND {not_set_aside("quiet-hours", "invitation_id")}
     ORDER BY send_at, invitation_id LIMIT :limit FOR UPDATE SKIP LOCKED
    """
)
_PARENTS_OF_INVITATIONS = text(
    """
    SELECT DISTINCT parent_id, school_id FROM invitations WHERE invitation_id = ANY(CAST(:ids AS uuid[]))
     ORDER BY parent_id
    """
)
_PARENTS = """
SELECT p.parent_id, p.school_id, p.name, p.language, p.contacts, p.has_access, p.removed,
       s.name AS school_name, s.language AS school_language, s.timezone, s.credentials_mode,
       s.invitation_lifetime_days, s.reminder_days, s.quiet_from, s.quiet_until
  FROM parents AS p JOIN schools AS s USING (school_id)
 WHERE p.parent_id = ANY(CAST(:ids AS uuid[])) ORDER BY p.parent_id
"""
_FIND_PARENTS = text(_PARENTS)
_CLAIM_PARENTS = text(f"{_PARENTS} FOR UPDATE OF p")
_NOTES = """
SELECT parent_id, contact_id, address_digest, messages, verified_at, NULL AS channel
  FROM contact_usages WHERE {condition}
 UNION ALL
SELECT parent_id, NULL, address_digest, NULL, NULL, channel
  FROM opt_outs WHERE {condition} AND opted_out
"""
_FIND_NOTES = text(_NOTES.format(condition="parent_id = ANY(CAST(:ids AS uuid[]))"))
_LOCK_INVITEE = (
    "SELECT FROM parents WHERE parent_id = $1 FOR UPDATE",
    "SELECT FROM invitations WHERE parent_id = $1 FOR UPDATE",
)
# One row per note, at least one. The columns of the invitation come last, because their names repeat earlier ones.
_FIND_INVITEE = f"""
WITH invitee AS MATERIALIZED ({_PARENTS.replace("ANY(CAST(:ids AS uuid[]))", "CAST(:parent_id AS uuid)")})
SELECT now() AS now, invitee.*, note.contact_id, note.address_digest, note.messages, note.verified_at, note.channel,
       i.*
  FROM (VALUES (0)) AS always (present)
  LEFT JOIN invitee ON true
  LEFT JOIN LATERAL ({_NOTES.format(condition="parent_id = invitee.parent_id")}) AS note ON true
  LEFT JOIN (SELECT {COLUMNS} FROM invitations WHERE parent_id = CAST(:parent_id AS uuid)) AS i ON true
"""


async def claim_by_parents(tx: Transaction, parent_ids: Collection[UUID]) -> dict[UUID, Invitation]:
    """Lock the invitations of these parents in the order of their ids; keyed by parent."""
    rows = await tx.rows(CLAIM_BY_PARENTS, {"ids": array_literal(parent_ids)})
    return {row.parent_id: invitation_from(row) for row in rows}


async def claim_by_ids(tx: Transaction, invitation_ids: Collection[UUID]) -> dict[UUID, Invitation]:
    """Lock those of these invitations that exist, in the order of their ids; keyed by id."""
    rows = await tx.rows(CLAIM_BY_IDS, {"ids": list(invitation_ids)})
    return {row.invitation_id: invitation_from(row) for row in rows}


async def claim_existing(tx: Transaction, invitation_ids: Collection[UUID]) -> dict[UUID, Invitation]:
    """Lock these invitations in the order of their ids; keyed by id. Raises Rejected if one does not exist."""
    present = await claim_by_ids(tx, invitation_ids)
    if not present.keys() >= set(invitation_ids):
        raise Rejected("unknown_invitation")
    return present


async def claim_reminders(tx: Transaction, now: datetime, limit: int) -> list[Invitation]:
    """Lock up to `limit` invitations with a reminder due, skipping those that another worker has locked."""
    rows = await tx.rows(CLAIM_REMINDERS, {"now": now, "limit": limit})
    return [invitation_from(row) for row in rows]


async def claim_deferred(tx: Transaction, now: datetime, limit: int) -> list[Invitation]:
    """Lock up to `limit` invitations whose deferred message is due, the longest deferred first."""
    rows = await tx.rows(CLAIM_DEFERRED, {"now": now, "limit": limit})
    return [invitation_from(row) for row in rows]


async def find_parents_of(tx: Transaction, invitation_ids: Collection[UUID]) -> list[tuple[UUID, UUID]]:
    """Return (school_id, parent_id) of these invitations, every parent once; unknown ids are ignored."""
    rows = await tx.rows(_PARENTS_OF_INVITATIONS, {"ids": list(invitation_ids)})
    return [(row.school_id, row.parent_id) for row in rows]


async def find_parents(tx: Transaction, parent_ids: Collection[UUID]) -> dict[UUID, tuple[Parent, School]]:
    """Return these parents with their schools, not locked; a parent whose school has not arrived is left out."""
    rows = await tx.rows(_FIND_PARENTS, {"ids": list(parent_ids)})
    schools = _schools(rows)
    return {row.parent_id: (parent_from(row), schools[row.school_id]) for row in rows}


def claim_invitee(parent_id: UUID) -> FirstStatement[Invitee | None]:
    """Return the first statement of a transaction that locks this parent; it reads None if they have not arrived."""
    locks = tuple((lock, parent_id) for lock in _LOCK_INVITEE)
    return FirstStatement(_FIND_INVITEE, {"parent_id": parent_id}, _read_invitee, locks)


def _read_invitee(result: Result) -> Invitee | None:
    rows = result.all()
    first = rows[0]
    if first.parent_id is None:
        return None
    notes = _group_notes(row for row in rows if row.address_digest is not None)[first.parent_id]
    invitation_row = first[-len(TYPES) :]
    return Invitee(
        parent_from(first),
        _school_from(first),
        None if invitation_row[0] is None else invitation_from(invitation_row),
        notes.usages,
        notes.opted_out,
    )


async def claim_invitees(tx: Transaction, parent_ids: Collection[UUID]) -> dict[UUID, Invitee]:
    """Lock these parents in the order of their ids, then their invitations, and return the invitees.

    It takes three statements for any number of parents. Fewer would miss what another transaction has just written
    about a parent or an invitation: only a statement that begins after the lock was taken sees it.
    """
    rows = await tx.rows(_CLAIM_PARENTS, {"ids": list(parent_ids)})
    return await _invitees(tx, rows, await claim_by_parents(tx, [row.parent_id for row in rows]))


async def find_invitees(tx: Transaction, parent_ids: Collection[UUID]) -> dict[UUID, Invitee]:
    """Return these invitees, not locked; a parent who or whose school has not arrived is left out."""
    rows = await tx.rows(_FIND_PARENTS, {"ids": list(parent_ids)})
    present = await tx.rows(_FIND_BY_PARENTS, {"ids": array_literal([row.parent_id for row in rows])})
    return await _invitees(tx, rows, {row.parent_id: invitation_from(row) for row in present})


async def _invitees(
    tx: Transaction, rows: Sequence[Row[Any]], invitations_by_parent: Mapping[UUID, Invitation]
) -> dict[UUID, Invitee]:
    if not rows:
        return {}
    notes = _group_notes(await tx.rows(_FIND_NOTES, {"ids": [row.parent_id for row in rows]}))
    schools = _schools(rows)
    return {
        row.parent_id: Invitee(
            parent_from(row),
            schools[row.school_id],
            invitations_by_parent.get(row.parent_id),
            notes[row.parent_id].usages,
            notes[row.parent_id].opted_out,
        )
        for row in rows
    }


@dataclass(slots=True)
class _Notes:
    """Use of contacts and opt-outs of one parent."""

    usages: tuple[ContactUsage, ...] = ()
    opted_out: frozenset[tuple[Channel, str]] = frozenset()


def _group_notes(rows: Iterable[Row[Any]]) -> defaultdict[UUID, _Notes]:
    by_parent: defaultdict[UUID, _Notes] = defaultdict(_Notes)
    for row in rows:
        notes = by_parent[row.parent_id]
        if row.channel is None:
            usage = ContactUsage(
                row.parent_id, row.contact_id, row.address_digest, row.messages, row.verified_at
            )
            notes.usages += (usage,)
        else:
            notes.opted_out |= {(Channel(row.channel), row.address_digest)}
    return by_parent


def _schools(rows: Sequence[Row[Any]]) -> dict[UUID, School]:
    """Return every school of the rows once, however many parents it has among them."""
    distinct = {row.school_id: row for row in rows}
    return {school_id: _school_from(row) for school_id, row in distinct.items()}


def _school_from(row: Row[Any]) -> School:
    return School(
        school_id=row.school_id,
        name=row.school_name,
        language=row.school_language,
        timezone=row.timezone,
        credentials_mode=row.credentials_mode,
        lifetime=timedelta(days=row.invitation_lifetime_days),
        reminders=tuple(timedelta(days=days) for days in row.reminder_days),
        quiet=QuietHours(row.quiet_from, row.quiet_until),
    )


def parent_from(row: Row[Any]) -> Parent:
    """Return the parent of a row of `parents`."""
    return Parent(
        parent_id=row.parent_id,
        school_id=row.school_id,
        name=row.name,
        language=row.language,
        contacts=tuple(_contact_from(fields) for fields in row.contacts),
        has_access=row.has_access,
        removed=row.removed,
    )


def _contact_from(fields: Mapping[str, Any]) -> Contact:
    return Contact(
        contact_id=parse_uuid(fields["contact_id"]),
        kind=ContactKind(fields["kind"]),
        address=fields["address"],
        preferred=fields["preferred"],
        verified=fields["verified"],
    )


def invitation_from(row: Sequence[Any]) -> Invitation:
    """Return the invitation of a row of `COLUMNS`."""
    fields = list(row)
    for index, members in _ENUM_VALUES:
        fields[index] = members[fields[index]]
    return Invitation(*fields)

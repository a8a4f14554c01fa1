"""The rows of invitations: locked in id order, saved as the domain returned them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.dialects import postgresql

from services.invitations.domain.models import Invitation, Submission
from services.invitations.domain.states import Channel, Delivery, InvitationStatus, Purpose, Template
from services.invitations.storage.tables import invitations
from shared.runtime.database import BatchStatement, Transaction, array_literal

_KINDS = [
    (list(invitations.columns.keys()).index(name), {one.value: one for one in kind})
    for name, kind in {
        "status": InvitationStatus,
        "purpose": Purpose,
        "channel": Channel,
        "template": Template,
        "delivery": Delivery,
    }.items()
]
_POSTGRESQL = postgresql.dialect()  # type: ignore[no-untyped-call]
TYPES = {column.name: str(column.type.compile(_POSTGRESQL)) for column in invitations.columns}
"""The columns with their types, in the order of the fields of `Invitation`."""
COLUMNS = ", ".join(TYPES)
"""What `invitation_from` reads, in this order."""
_KEPT = {"invitation_id", "school_id", "parent_id", "first_invited_at"}
_CHANGES = ", ".join(f"{name} = r.{name}" for name in TYPES if name not in _KEPT)
SAME = set(TYPES) - {
    "invitation_id",
    "parent_id",
    "contact_id",
    "address_digest",
    "token_digest",
    "message_id",
}
"""Those that often are the same in all rows of a batch."""
_ADD = BatchStatement("INSERT INTO invitations ({names}) SELECT * FROM {rows}", TYPES)
_SAVE = BatchStatement(
    f"UPDATE invitations AS i SET {_CHANGES} FROM {{rows}} WHERE i.invitation_id = r.invitation_id", TYPES
)
# One look-up by index per parent, whatever the plan. Asked for `parent_id = ANY(...)` in the order of the primary key,
# a plan of the first minute walks over the whole table and takes the list of ids apart for every row of it.
_BY_PARENTS = f"""
SELECT {COLUMNS} FROM invitations
 WHERE invitation_id = ANY(ARRAY(
       SELECT of_parent.invitation_id
         FROM unnest(CAST(CAST(:ids AS text) AS uuid[])) AS wanted (parent_id)
        CROSS JOIN LATERAL
              (SELECT invitation_id FROM invitations WHERE parent_id = wanted.parent_id OFFSET 0) AS of_parent))
 ORDER BY invitation_id
"""
_BY_IDS = text(
    f"""
    SELECT {COLUMNS} FROM invitations WHERE invitation_id = ANY(CAST(:ids AS uuid[]))
     ORDER BY invitation_id FOR UPDATE
    """
)
_PARENTS_OF = text(
    "SELECT invitation_id, parent_id FROM invitations WHERE invitation_id = ANY(CAST(:ids AS uuid[]))"
)
_ACCEPT = BatchStatement(
    """
    UPDATE invitations AS i
       SET status = 'signed_up', accepted_at = now(), submission_id = r.submission_id,
           version = i.version + 1, next_reminder_at = NULL
      FROM {rows}
     WHERE i.invitation_id = r.invitation_id
       AND i.generation = r.generation
       AND i.purpose = 'join'
       AND i.accepted_at IS NULL
       AND i.status IN ('invited', 'expired')
       AND r.submitted_at <= i.expires_at
       AND EXISTS (SELECT 1 FROM parents p
                    WHERE p.parent_id = i.parent_id AND p.has_access AND NOT p.removed)
    RETURNING {returned}
    """.replace("{returned}", ", ".join(f"i.{name}" for name in TYPES)),
    {
        "submission_id": "uuid",
        "invitation_id": "uuid",
        "generation": "integer",
        "submitted_at": "timestamptz",
    },
)
_CLAIM_REMINDERS = text(
    f"""
    SELECT {COLUMNS} FROM invitations WHERE next_reminder_at <= :now
     ORDER BY next_reminder_at LIMIT :limit FOR UPDATE SKIP LOCKED
    """
)
_CLAIM_HELD = text(
    f"""
    SELECT {COLUMNS} FROM invitations WHERE send_at <= :now
     ORDER BY send_at, invitation_id LIMIT :limit FOR UPDATE SKIP LOCKED
    """
)


async def claim_by_parents(tx: Transaction, parent_ids: Collection[UUID]) -> dict[UUID, Invitation]:
    """Lock the invitations of these parents in id order; keyed by parent."""
    rows = await tx.rows(f"{_BY_PARENTS} FOR UPDATE", {"ids": array_literal(parent_ids)})
    return {row.parent_id: invitation_from(row) for row in rows}


async def find_by_parents(tx: Transaction, parent_ids: Collection[UUID]) -> dict[UUID, Invitation]:
    """The invitations of these parents, not locked; keyed by parent."""
    rows = await tx.rows(_BY_PARENTS, {"ids": array_literal(parent_ids)})
    return {row.parent_id: invitation_from(row) for row in rows}


async def claim_by_ids(tx: Transaction, invitation_ids: Collection[UUID]) -> dict[UUID, Invitation]:
    """Lock these invitations in id order; keyed by their own id."""
    rows = await tx.rows(_BY_IDS, {"ids": list(invitation_ids)})
    return {row.invitation_id: invitation_from(row) for row in rows}


async def claim_reminders(tx: Transaction, now: datetime, limit: int) -> list[Invitation]:
    """Lock invitations with a reminder due."""
    return _all(await tx.rows(_CLAIM_REMINDERS, {"now": now, "limit": limit}))


async def claim_held(tx: Transaction, now: datetime, limit: int) -> list[Invitation]:
    """Lock invitations whose message waited and waits no more, the longest waiting first."""
    return _all(await tx.rows(_CLAIM_HELD, {"now": now, "limit": limit}))


async def parents_of(tx: Transaction, invitation_ids: Collection[UUID]) -> dict[UUID, UUID]:
    """Whose invitations these are: invitation to parent."""
    rows = await tx.rows(_PARENTS_OF, {"ids": list(invitation_ids)})
    return {row.invitation_id: row.parent_id for row in rows}


async def accept(tx: Transaction, submissions: Iterable[Submission]) -> list[Invitation]:
    """Spend the links of these sign-ups: one conditional UPDATE. Returns what was accepted, and no other.

    The caller has locked the invitations in id order. Two submissions on one link: one of them wins.
    """
    return _all(await tx.rows(*_ACCEPT.bind(submissions)))


async def add(tx: Transaction, new: Sequence[Invitation]) -> None:
    """Write first invitations of parents whose rows the transaction has locked."""
    if new:
        await tx.execute(*_ADD.bind(new))


async def save(tx: Transaction, changed: Sequence[Invitation]) -> None:
    """Write invitations whose rows the transaction has locked; of several states of one the last."""
    if changed:
        last = {invitation.invitation_id: invitation for invitation in changed}
        await tx.execute(*_SAVE.bind(last.values()))


def _all(rows: Sequence[Row[Any]]) -> list[Invitation]:
    return [invitation_from(row) for row in rows]


def invitation_from(row: Sequence[Any]) -> Invitation:
    """The row, of `COLUMNS`, as the domain knows it."""
    fields = list(row)
    for place, known in _KINDS:
        fields[place] = known[fields[place]]
    return Invitation(*fields)

"""What is kept beside the invitations: use of contacts, timelines, wishes that wait for a parent."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from uuid import UUID

from sqlalchemy import text

from services.invitations.domain.copies import Requested
from services.invitations.domain.models import Happening, Invitation
from services.invitations.domain.states import Channel
from shared.runtime.core import new_id
from shared.runtime.database import BatchStatement, Transaction

_CONTACTS = {"parent_id": "uuid", "contact_id": "uuid", "school_id": "uuid", "address_digest": "text"}
_COUNT_MESSAGES = BatchStatement(
    """
    INSERT INTO contact_usages AS u (parent_id, contact_id, school_id, address_digest, messages)
    SELECT *, 1 FROM {rows}
    ON CONFLICT (parent_id, contact_id) DO UPDATE SET
        messages = CASE WHEN u.address_digest = excluded.address_digest THEN u.messages + 1 ELSE 1 END,
        verified_at = CASE WHEN u.address_digest = excluded.address_digest THEN u.verified_at END,
        address_digest = excluded.address_digest
    """,
    _CONTACTS,
)
_VERIFY = BatchStatement(
    """
    UPDATE contact_usages AS u SET verified_at = coalesce(u.verified_at, now())
      FROM {rows}
     WHERE (u.parent_id, u.contact_id, u.address_digest) = (r.parent_id, r.contact_id, r.address_digest)
    """,
    _CONTACTS,
)
_RECORD = BatchStatement(
    """
    INSERT INTO invitation_events (happened_at, {names})
    SELECT CAST(:happened_at AS timestamptz), {names} FROM {rows}
    """,
    {
        "event_id": "uuid",
        "parent_id": "uuid",
        "school_id": "uuid",
        "event": "text",
        "detail": "text",
        "actor": "text",
    },
)
_HAPPENING = ("parent_id", "school_id", "event", "detail", "actor")
_WISH = BatchStatement(
    """
    INSERT INTO requested_invitations ({names})
    SELECT * FROM {rows}
    ON CONFLICT (parent_id) DO UPDATE SET
        channel = excluded.channel, contact_id = excluded.contact_id, actor = excluded.actor
    """,
    {"parent_id": "uuid", "school_id": "uuid", "channel": "text", "contact_id": "uuid", "actor": "text"},
)
_WISHED_PARENTS = text(
    """
    SELECT w.parent_id
      FROM requested_invitations w
      JOIN parents p ON p.parent_id = w.parent_id AND p.school_id = w.school_id
      JOIN schools s ON s.school_id = w.school_id
     LIMIT :limit
    """
)
_TAKE_WISHES = text(
    """
    DELETE FROM requested_invitations AS w USING parents p, schools s
     WHERE w.parent_id = p.parent_id AND w.school_id = p.school_id AND s.school_id = p.school_id
       AND (w.parent_id = ANY(CAST(:parent_ids AS uuid[])) OR w.school_id = ANY(CAST(:school_ids AS uuid[])))
    RETURNING w.parent_id, w.school_id, w.channel, w.contact_id, w.actor
    """
)


async def count_messages(tx: Transaction, sent: Iterable[Invitation]) -> None:
    """One more message to each invitation's contact; the count starts anew where the address is another."""
    await tx.execute(*_COUNT_MESSAGES.bind(sent))


async def mark_verified(tx: Transaction, verified: Iterable[Invitation]) -> None:
    """The addresses that these invitations went to are proved."""
    await tx.execute(*_VERIFY.bind(verified))


async def record(tx: Transaction, happenings: Sequence[Happening]) -> None:
    """Add lines to timelines, in order."""
    if happenings:
        columns = {name: [getattr(one, name) for one in happenings] for name in _HAPPENING}
        columns["event_id"] = [new_id() for _ in happenings]
        await tx.execute(*_RECORD.bind_columns(columns, happened_at=tx.now))


async def keep_wishes(tx: Transaction, wishes: Iterable[Requested]) -> None:
    """Remember who is to be invited; one wish per parent, the last one."""
    await tx.execute(*_WISH.bind(wishes))


async def find_wished_parents(tx: Transaction, limit: int) -> list[UUID]:
    """Up to `limit` parents who wait to be invited although they and their school are both here."""
    return [row.parent_id for row in await tx.rows(_WISHED_PARENTS, {"limit": limit})]


async def take_wishes(
    tx: Transaction, *, parent_ids: Collection[UUID] = (), school_ids: Collection[UUID] = ()
) -> list[Requested]:
    """Take out the wishes of these parents or schools whose parent and school are both here."""
    parameters = {"parent_ids": list(parent_ids), "school_ids": list(school_ids)}
    rows = await tx.rows(_TAKE_WISHES, parameters)
    return [
        Requested(row.parent_id, row.school_id, Channel(row.channel), row.contact_id, row.actor)
        for row in rows
    ]

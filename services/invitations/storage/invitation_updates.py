"""Writes of a transition: the row of the invitation, the use of its contact, and the timeline of its parent.

A first invitation is one statement for all three tables. A transition that ends a deferred message unsent also skips
the message's item in a bulk run.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from services.invitations.domain.models import Invitation, Submission, TimelineEntry
from services.invitations.storage.invitations import COLUMNS, TYPES, invitation_from
from shared.runtime.core import new_id
from shared.runtime.database import BatchStatement, Transaction, to_columns

_CONSTANT = {"invitation_id", "school_id", "parent_id", "first_invited_at"}
_CHANGES = ", ".join(f"{name} = r.{name}" for name in TYPES if name not in _CONSTANT)
_COUNT_MESSAGE = """
    ON CONFLICT (parent_id, contact_id) DO UPDATE SET
        messages = CASE WHEN u.address_digest = excluded.address_digest THEN u.messages + 1 ELSE 1 END,
        verified_at = CASE WHEN u.address_digest = excluded.address_digest THEN u.verified_at END,
        address_digest = excluded.address_digest
"""
# The timeline entry has the id of the message that it is about: both were created in this transaction.
_INSERT_NEW = BatchStatement(
    f"""
    WITH r AS MATERIALIZED (SELECT * FROM {{rows}}),
    counted AS (
        INSERT INTO contact_usages AS u (parent_id, contact_id, school_id, address_digest, messages)
        SELECT parent_id, contact_id, school_id, address_digest, 1 FROM r
        {_COUNT_MESSAGE}
    ),
    recorded AS (
        INSERT INTO invitation_events (happened_at, event_id, parent_id, school_id, event, detail, actor)
        SELECT CAST(:happened_at AS timestamptz), message_id, parent_id, school_id, event, detail, actor FROM r
    )
    INSERT INTO invitations ({COLUMNS}) SELECT {COLUMNS} FROM r
    """,
    {
        **TYPES,
        "address_digest": "hex",
        "token_digest": "hex",
        "event": "text",
        "detail": "text",
        "actor": "text",
    },
)
_INSERT = BatchStatement("INSERT INTO invitations ({names}) SELECT * FROM {rows}", TYPES)
_SAVE = BatchStatement(
    f"UPDATE invitations AS i SET {_CHANGES} FROM {{rows}} WHERE i.invitation_id = r.invitation_id", TYPES
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
_CONTACTS = {"parent_id": "uuid", "contact_id": "uuid", "school_id": "uuid", "address_digest": "text"}
_COUNT_MESSAGES = BatchStatement(
    f"""
    INSERT INTO contact_usages AS u (parent_id, contact_id, school_id, address_digest, messages)
    SELECT *, 1 FROM {{rows}}
    {_COUNT_MESSAGE}
    """,
    _CONTACTS,
)
_MARK_VERIFIED = BatchStatement(
    """
    UPDATE contact_usages AS u SET verified_at = coalesce(u.verified_at, now())
      FROM {rows}
     WHERE (u.parent_id, u.contact_id, u.address_digest) = (r.parent_id, r.contact_id, r.address_digest)
    """,
    _CONTACTS,
)
_ENTRY = ("event", "detail", "actor")
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


_SKIP_BULK_ITEMS = text(
    """
    WITH locked AS (
        SELECT b.bulk_id, b.parent_id
          FROM unnest(CAST(:invitation_ids AS uuid[]), CAST(:message_ids AS uuid[])) AS r (invitation_id, message_id)
          JOIN invitations AS i USING (invitation_id)
          JOIN bulk_runs AS g ON g.school_id = i.school_id
          JOIN bulk_items AS b ON b.bulk_id = g.bulk_id AND b.parent_id = i.parent_id
         WHERE i.send_at IS NOT NULL AND i.message_id IS DISTINCT FROM r.message_id
           AND b.message_id = i.message_id AND b.state = 'messaged'
         ORDER BY b.parent_id, b.bulk_id FOR UPDATE OF b
    )
    UPDATE bulk_items AS b SET state = 'skipped', reason = 'not_sent'
      FROM locked l WHERE b.bulk_id = l.bulk_id AND b.parent_id = l.parent_id
    """
)


@dataclass(frozen=True, slots=True)
class NewInvitation:
    """First invitation of a parent, whose message is sent at once, with its timeline entry."""

    invitation: Invitation
    event: str
    detail: str | None
    actor: str | None


async def insert_new(
    tx: Transaction, new_invitations: Collection[NewInvitation], happened_at: datetime
) -> None:
    """Insert first invitations of locked parents, count their messages and begin their timelines."""
    if not new_invitations:
        return
    columns = {
        **to_columns([new.invitation for new in new_invitations], tuple(TYPES)),
        **to_columns(new_invitations, _ENTRY),
    }
    await tx.execute(*_INSERT_NEW.bind_columns(columns, happened_at=happened_at))


async def insert(tx: Transaction, invitations: Sequence[Invitation]) -> None:
    """Insert first invitations of locked parents, without a message or a timeline entry."""
    if invitations:
        await tx.execute(*_INSERT.bind(invitations))


async def save(tx: Transaction, invitations: Sequence[Invitation]) -> None:
    """Save locked invitations; of several states of one invitation the last is saved."""
    if invitations:
        last = {invitation.invitation_id: invitation for invitation in invitations}
        await tx.execute(*_SAVE.bind(last.values()))


async def accept(tx: Transaction, submissions: Iterable[Submission]) -> list[Invitation]:
    """Use the links of these sign-ups in one conditional UPDATE, and return the accepted invitations only.

    The caller has locked the invitations in the order of their ids. Of two submissions on one link one is accepted.
    """
    rows = await tx.rows(*_ACCEPT.bind(submissions))
    return [invitation_from(row) for row in rows]


async def count_messages(tx: Transaction, invitations: Collection[Invitation]) -> None:
    """Count one more message to each invitation's contact, from one again if the address is a different one."""
    if invitations:
        await tx.execute(*_COUNT_MESSAGES.bind(invitations))


async def mark_verified(tx: Transaction, invitations: Iterable[Invitation]) -> None:
    """Mark the addresses of these invitations as verified."""
    await tx.execute(*_MARK_VERIFIED.bind(invitations))


async def record(tx: Transaction, entries: Sequence[TimelineEntry]) -> None:
    """Append entries to the timelines, in order."""
    if entries:
        columns = {
            **to_columns(entries, ("parent_id", "school_id", *_ENTRY)),
            "event_id": [new_id() for _ in entries],
        }
        await tx.execute(*_RECORD.bind_columns(columns, happened_at=tx.now))


async def skip_bulk_items(tx: Transaction, messages: Mapping[UUID, UUID | None]) -> None:
    """Skip the items of deferred messages that these invitations end unsent; call it before they are saved.

    `messages` holds, by invitation, the id of the message that it has from now on, or None if it has none to send.
    """
    rows = {"invitation_ids": list(messages), "message_ids": list(messages.values())}
    await tx.execute(_SKIP_BULK_ITEMS, rows)

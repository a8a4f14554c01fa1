"""First invitations of parents, with all that is written beside them, in one statement for any number."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from services.invitations.domain.models import Invitation
from services.invitations.storage.invitations import SAME, TYPES
from shared.runtime.database import BatchStatement, Transaction, to_columns

_COLUMNS = ", ".join(TYPES)
# The line of the timeline has the id of the message that it speaks of: both were made in this moment.
_ADD = BatchStatement(
    f"""
    WITH r AS MATERIALIZED (SELECT * FROM {{rows}}),
    counted AS (
        INSERT INTO contact_usages AS u (parent_id, contact_id, school_id, address_digest, messages)
        SELECT parent_id, contact_id, school_id, address_digest, 1 FROM r
        ON CONFLICT (parent_id, contact_id) DO UPDATE SET
            messages = CASE WHEN u.address_digest = excluded.address_digest THEN u.messages + 1 ELSE 1 END,
            verified_at = CASE WHEN u.address_digest = excluded.address_digest THEN u.verified_at END,
            address_digest = excluded.address_digest
    ),
    noted AS (
        INSERT INTO invitation_events (happened_at, event_id, parent_id, school_id, event, detail, actor)
        SELECT CAST(:happened_at AS timestamptz), message_id, parent_id, school_id, event, detail, actor FROM r
    )
    INSERT INTO invitations ({_COLUMNS}) SELECT {_COLUMNS} FROM r
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
_LINE = ("event", "detail", "actor")


@dataclass(frozen=True, slots=True)
class First:
    """A first invitation whose message is sent at once, and the line that the timeline has of it."""

    invitation: Invitation
    event: str
    detail: str | None
    actor: str | None


async def add(tx: Transaction, new: Collection[First], happened_at: datetime) -> None:
    """Write invitations of parents whose rows are locked, count their messages and begin their timelines."""
    if new:
        columns = {
            **to_columns([one.invitation for one in new], tuple(TYPES)),
            **to_columns(new, _LINE),
        }
        await tx.execute(*_ADD.bind_columns(columns, happened_at=happened_at))

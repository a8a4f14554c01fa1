"""The few columns of invitations that outcomes of messages move, and what the timeline says of it."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import text

from services.invitations.domain.models import LastMessage
from services.invitations.domain.states import Delivery
from shared.runtime.core import new_id
from shared.runtime.database import BatchStatement, Transaction, array_literal, to_columns

# Both the state and the line of the timeline that tells it.
_SAVE = BatchStatement(
    """
    WITH r AS MATERIALIZED (SELECT * FROM {rows}),
    saved AS (
        UPDATE invitations AS i
           SET delivery = r.delivery, delivery_reason = r.delivery_reason,
               next_reminder_at = CASE WHEN r.reminds THEN i.next_reminder_at END
          FROM r WHERE i.invitation_id = r.invitation_id
    )
    INSERT INTO invitation_events (happened_at, event_id, parent_id, school_id, event, detail)
    SELECT CAST(:happened_at AS timestamptz), event_id, parent_id, school_id, delivery, delivery_reason FROM r
    """,
    {
        "event_id": "uuid",
        "invitation_id": "uuid",
        "school_id": "uuid",
        "parent_id": "uuid",
        "delivery": "text",
        "delivery_reason": "text",
        "reminds": "boolean",
    },
)
_FIELDS = ("invitation_id", "school_id", "parent_id", "delivery", "delivery_reason", "reminds")
_CLAIM = text(
    """
    SELECT invitation_id, school_id, parent_id, message_id, delivery, delivery_reason,
           next_reminder_at IS NOT NULL AS reminds
      FROM invitations WHERE invitation_id = ANY(CAST(CAST(:ids AS text) AS uuid[]))
     ORDER BY invitation_id FOR UPDATE
    """
)
_DELIVERIES = {one.value: one for one in Delivery}


async def claim(tx: Transaction, invitation_ids: Collection[UUID]) -> dict[UUID, LastMessage]:
    """Lock these invitations in id order; of each only how its last message fares, by invitation."""
    found = {}
    for row in await tx.rows(_CLAIM, {"ids": array_literal(invitation_ids)}):
        invitation_id, school_id, parent_id, message_id, delivery, reason, reminds = tuple(row)
        found[invitation_id] = LastMessage(
            invitation_id, school_id, parent_id, message_id, _DELIVERIES[delivery], reason, reminds
        )
    return found


async def save(tx: Transaction, moved: Collection[LastMessage]) -> None:
    """Write how the last messages of locked invitations fare, in their rows and on their timelines."""
    if moved:
        columns = {**to_columns(moved, _FIELDS), "event_id": [new_id() for _ in moved]}
        await tx.execute(*_SAVE.bind_columns(columns, happened_at=tx.now))

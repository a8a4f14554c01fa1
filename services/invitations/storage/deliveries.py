"""Delivery of invitations' last messages: claims and saves the columns that delivery reports change."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import text

from services.invitations.domain.models import LastMessage
from shared.contracts.values import Delivery
from shared.runtime.core import new_id
from shared.runtime.database import BatchStatement, Transaction, array_literal, to_columns

CLAIM = text(
    """
    SELECT invitation_id, school_id, parent_id, message_id, delivery, delivery_reason,
           next_reminder_at IS NOT NULL AS reminds
      FROM invitations WHERE invitation_id = ANY(CAST(CAST(:ids AS text) AS uuid[]))
     ORDER BY invitation_id FOR UPDATE
    """
)
# Saves the state and its timeline entry.
SAVE = BatchStatement(
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
_SAVED = ("invitation_id", "school_id", "parent_id", "delivery", "delivery_reason", "reminds")
_DELIVERIES = {delivery.value: delivery for delivery in Delivery}


async def claim(tx: Transaction, invitation_ids: Collection[UUID]) -> dict[UUID, LastMessage]:
    """Lock these invitations in the order of their ids, and return their last messages by invitation."""
    rows = await tx.rows(CLAIM, {"ids": array_literal(invitation_ids)})
    messages = {}
    for invitation_id, school_id, parent_id, message_id, delivery, reason, reminds in map(tuple, rows):
        messages[invitation_id] = LastMessage(
            invitation_id, school_id, parent_id, message_id, _DELIVERIES[delivery], reason, reminds
        )
    return messages


async def save(tx: Transaction, messages: Collection[LastMessage]) -> None:
    """Save the deliveries of locked invitations, with their timeline entries."""
    if messages:
        columns = {**to_columns(messages, _SAVED), "event_id": [new_id() for _ in messages]}
        await tx.execute(*SAVE.bind_columns(columns, happened_at=tx.now))

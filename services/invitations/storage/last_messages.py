"""The few columns of invitations that outcomes of messages move."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import text

from services.invitations.domain.models import LastMessage
from services.invitations.domain.states import Delivery
from shared.runtime.database import Transaction
from shared.runtime.rowset import RowStatement

_SAVE = RowStatement(
    """
    UPDATE invitations AS i
       SET delivery = r.delivery, delivery_reason = r.delivery_reason, next_reminder_at = r.next_reminder_at
      FROM {rows} WHERE i.invitation_id = r.invitation_id
    """,
    {
        "invitation_id": "uuid",
        "delivery": "text",
        "delivery_reason": "text",
        "next_reminder_at": "timestamptz",
    },
    same=("delivery", "delivery_reason"),
)
_CLAIM = text(
    """
    SELECT invitation_id, school_id, parent_id, message_id, delivery, delivery_reason, next_reminder_at
      FROM invitations WHERE invitation_id = ANY(CAST(:ids AS uuid[])) ORDER BY invitation_id FOR UPDATE
    """
)


async def claim(tx: Transaction, invitation_ids: Collection[UUID]) -> dict[UUID, LastMessage]:
    """Lock these invitations in id order; of each only how its last message fares, by invitation."""
    rows = await tx.rows(_CLAIM, {"ids": list(invitation_ids)})
    return {
        row.invitation_id: LastMessage(
            row.invitation_id,
            row.school_id,
            row.parent_id,
            row.message_id,
            Delivery(row.delivery),
            row.delivery_reason,
            row.next_reminder_at,
        )
        for row in rows
    }


async def save(tx: Transaction, moved: Collection[LastMessage]) -> None:
    """Write how the last messages of locked invitations fare."""
    if moved:
        await tx.execute(*_SAVE.of(moved))

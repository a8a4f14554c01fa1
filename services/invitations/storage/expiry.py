"""Expiry of invitations: claims the validity periods that have ended, and saves the expired invitations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from services.invitations.domain.models import EventKind, ExpiryWindow
from shared.contracts.values import InvitationStatus
from shared.runtime.core import new_id
from shared.runtime.database import (
    BatchStatement,
    FirstStatement,
    Result,
    Transaction,
    not_set_aside,
    to_columns,
)

# Both questions take one round trip. The longest overdue come first; rows that another worker has locked are skipped.
_CLAIM = f"""
    WITH expired AS MATERIALIZED (
        SELECT invitation_id, school_id, parent_id, generation, version, status, expires_at
          FROM invitations
         WHERE status IN ('awaiting_verification', 'invited') AND expires_at < now()
           AND {not_set_aside("expiry", "invitation_id")}
         ORDER BY expires_at LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    SELECT now() AS now, next.wait, expired.*
      FROM (SELECT (SELECT expires_at FROM invitations
                     WHERE status IN ('awaiting_verification', 'invited') AND expires_at >= now()
                     ORDER BY expires_at LIMIT 1) - clock_timestamp() AS wait) AS next
      LEFT JOIN expired ON true
"""
# Saves the state and its timeline entry.
SAVE = BatchStatement(
    """
    WITH r AS MATERIALIZED (SELECT * FROM {rows}),
    saved AS (
        UPDATE invitations AS i SET status = r.status, version = r.version, next_reminder_at = NULL
          FROM r WHERE i.invitation_id = r.invitation_id
    )
    INSERT INTO invitation_events (happened_at, event_id, parent_id, school_id, event)
    SELECT CAST(:happened_at AS timestamptz), event_id, parent_id, school_id, CAST(:event AS text) FROM r
    """,
    {
        "event_id": "uuid",
        "invitation_id": "uuid",
        "school_id": "uuid",
        "parent_id": "uuid",
        "version": "bigint",
        "status": "text",
    },
)
_SAVED = ("invitation_id", "school_id", "parent_id", "version", "status")
_STATUSES = {status.value: status for status in InvitationStatus}


@dataclass(frozen=True, slots=True)
class DueExpiries:
    """Claimed invitations that have expired, and in what time the next one expires; None if no other is live."""

    windows: Sequence[ExpiryWindow]
    next_in: timedelta | None


def claim_due(limit: int) -> FirstStatement[DueExpiries]:
    """Return the first statement of a transaction that claims up to `limit` expired invitations, oldest first."""
    return FirstStatement(_CLAIM, {"limit": limit}, _read_due)


def _read_due(result: Result) -> DueExpiries:
    rows = result.all()
    windows = [
        ExpiryWindow(
            row.invitation_id,
            row.school_id,
            row.parent_id,
            row.generation,
            row.version,
            _STATUSES[row.status],
            row.expires_at,
        )
        for row in rows
        if row.invitation_id is not None
    ]
    return DueExpiries(windows, rows[0].wait)


async def save(tx: Transaction, expired: Sequence[ExpiryWindow]) -> None:
    """Save claimed invitations as expired, with their timeline entries."""
    columns = {**to_columns(expired, _SAVED), "event_id": [new_id() for _ in expired]}
    await tx.execute(*SAVE.bind_columns(columns, happened_at=tx.now, event=EventKind.EXPIRED.value))

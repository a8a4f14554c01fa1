"""The few columns of invitations that the end of a week moves, and what the timeline says of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from services.invitations.domain.models import Week
from services.invitations.domain.states import Fact, InvitationStatus
from shared.runtime.core import new_id
from shared.runtime.database import BatchStatement, FirstStatement, Transaction, to_columns

# One round trip for both questions. The longest overdue go first; what another worker has locked is passed over.
_CLAIM = """
    WITH over AS MATERIALIZED (
        SELECT invitation_id, school_id, parent_id, generation, version, status, expires_at
          FROM invitations
         WHERE status IN ('awaiting_verification', 'invited') AND expires_at < now()
         ORDER BY expires_at LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    SELECT now() AS now, next.wait, over.*
      FROM (SELECT (SELECT expires_at FROM invitations
                     WHERE status IN ('awaiting_verification', 'invited') AND expires_at >= now()
                     ORDER BY expires_at LIMIT 1) - clock_timestamp() AS wait) AS next
      LEFT JOIN over ON true
"""
# Both the state and the line of the timeline that tells it.
_SAVE = BatchStatement(
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
_FIELDS = ("invitation_id", "school_id", "parent_id", "version", "status")
_STATUSES = {one.value: one for one in InvitationStatus}


def opening(limit: int) -> FirstStatement:
    """How a transaction begins that looks for weeks that are over."""
    return FirstStatement(_CLAIM, {"limit": limit})


def claimed(tx: Transaction) -> tuple[list[Week], timedelta | None]:
    """What `opening` has locked; and how soon, by the database's clock, the next week ends: None where none goes on."""
    found = tx.opened.all()
    over = []
    for _, _, invitation_id, school_id, parent_id, generation, version, status, expires_at in found:
        if invitation_id is not None:
            whose = (invitation_id, school_id, parent_id, generation)
            over.append(Week(*whose, version, _STATUSES[status], expires_at))
    return over, found[0].wait


async def save(tx: Transaction, ended: Sequence[Week]) -> None:
    """Write that the weeks of locked invitations are over, in their rows and on their timelines."""
    columns = {**to_columns(ended, _FIELDS), "event_id": [new_id() for _ in ended]}
    await tx.execute(*_SAVE.bind_columns(columns, happened_at=tx.now, event=Fact.EXPIRED.value))

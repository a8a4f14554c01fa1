"""At what pace runs go: one expander at a time, and how many messages are without an outcome.

They are counted by sums, the expander's in the run and the outcomes' beside it, so that neither waits for the other and
no item needs an index that says what it waits for.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from services.invitations.domain.bulk import Run
from shared.runtime.database import Transaction

_OUTSTANDING = text(
    """
    SELECT coalesce(sum(greatest(g.sent - coalesce(o.outcomes, 0), 0)), 0)
      FROM bulk_runs AS g LEFT JOIN bulk_outcomes AS o USING (bulk_id) WHERE g.expanded_at >= :since
    """
)
# Outcomes that have not come when the run goes on after so long are waited for no more.
_TOUCH = text(
    """
    UPDATE bulk_runs AS g
       SET expanded_at = clock_timestamp(), expanded_to = :expanded_to,
           sent = :sent + CASE WHEN g.expanded_at >= :since THEN g.sent ELSE
               coalesce((SELECT outcomes FROM bulk_outcomes AS o WHERE o.bulk_id = g.bulk_id), 0) END
     WHERE bulk_id = :bulk_id
    """
)
# Of a run that statistics have not seen few items are expected, and read all to be sorted. In order of the key they are
# read as far as they are taken.
_PACING = text(
    """
    SELECT pg_try_advisory_xact_lock(hashtextextended('invitations.bulk', 0)),
           set_config('enable_bitmapscan', 'off', true)
    """
)


async def claim_pacing(tx: Transaction) -> bool:
    """One expander at a time in the whole installation; False where another one is at it. Items come by their key."""
    return bool(await tx.scalar(_PACING))


async def count_outstanding(tx: Transaction, since: datetime) -> int:
    """Messages that have no outcome yet, of all runs that had a turn `since` then."""
    return int(await tx.scalar(_OUTSTANDING, {"since": since}))


async def touch(tx: Transaction, run: Run, expanded_to: UUID, sent: int, since: datetime) -> None:
    """It had its turn, up to this parent, with so many messages; of those before `since` no outcome is awaited."""
    given = {"bulk_id": run.bulk_id, "expanded_to": expanded_to, "sent": sent, "since": since}
    await tx.execute(_TOUCH, given)

"""Result pages: the digests of their secrets, and the submissions that they show."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from shared.runtime.database import Transaction

_INSERT = text(
    """
    INSERT INTO results (result_digest, submission_id, first_attempt, created_at)
    VALUES (:result_digest, :submission_id, :first_attempt, :now)
    """
)
_DELETE_OLD = text("DELETE FROM results WHERE created_at < :before")


async def insert_result(
    tx: Transaction, result_digest: str, submission_id: UUID, *, first_attempt: bool
) -> None:
    """Insert a result page. `first_attempt` is whether the browser that gets it made the submission itself."""
    await tx.execute(
        _INSERT,
        {
            "result_digest": result_digest,
            "submission_id": submission_id,
            "first_attempt": first_attempt,
            "now": tx.now,
        },
    )


async def delete_old_results(tx: Transaction, before: datetime) -> None:
    """Delete the result pages that were created before that time."""
    await tx.execute(_DELETE_OLD, {"before": before})

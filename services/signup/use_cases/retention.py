"""Delete the rows of signup's own tables whose retention period is over."""

from __future__ import annotations

from datetime import timedelta

from services.signup.storage import failed_attempts, results, sessions
from shared.runtime.database import Transaction


async def delete_expired_rows(tx: Transaction, *, result_lifetime_minutes: int) -> None:
    """Delete old result pages, expired sessions, and counts of failed attempts that are not used any more."""
    await results.delete_old_results(tx, tx.now - timedelta(minutes=result_lifetime_minutes))
    await sessions.delete_expired_sessions(tx)
    await failed_attempts.delete_old_attempts(tx)

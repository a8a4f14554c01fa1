"""Delete the rows of signup's own tables whose retention period is over."""

from __future__ import annotations

from datetime import timedelta

from services.signup.storage import failed_attempts, known_browsers, results, sessions, sign_in_limits
from shared.runtime.database import Transaction


async def delete_expired_rows(tx: Transaction, *, result_lifetime_minutes: int) -> None:
    """Delete old result pages, expired sessions and browsers, and counts of failed attempts without effect."""
    await results.delete_old_results(tx, tx.now - timedelta(minutes=result_lifetime_minutes))
    await sessions.delete_expired_sessions(tx)
    await known_browsers.delete_expired_browsers(tx)
    await sign_in_limits.delete_old_counts(tx)
    await failed_attempts.delete_old_attempts(tx)

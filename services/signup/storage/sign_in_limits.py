"""Counts of sign-ins that failed, per username and per client.

The table is unlogged: a crash of the database loses these counts and nothing else.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import text

from services.signup.domain.sign_in_limits import FORGET_AFTER, AttemptCount
from shared.runtime.database import Transaction

# The order of the digests keeps transactions that share several of them from a deadlock.
_LOCK = text(
    """
    INSERT INTO sign_in_limits AS l (client_digest, failures, counted_at)
    SELECT digest, 0, CAST(:now AS timestamptz) FROM unnest(CAST(:digests AS text[])) AS digest ORDER BY digest
    ON CONFLICT (client_digest) DO UPDATE SET failures = l.failures
    RETURNING client_digest, failures, counted_at, blocked_until
    """
)
_SAVE = text(
    """
    UPDATE sign_in_limits SET failures = :failures, counted_at = :counted_at, blocked_until = :blocked_until
     WHERE client_digest = :client_digest
    """
)
_DELETE_OLD = text("DELETE FROM sign_in_limits WHERE counted_at < :before")


async def lock_counts(tx: Transaction, client_digests: Collection[str]) -> dict[str, AttemptCount]:
    """Lock the counts of these digests until the transaction ends, and return them. A new one is zero."""
    rows = await tx.rows(_LOCK, {"digests": list(client_digests), "now": tx.now})
    return {row.client_digest: AttemptCount(**row._asdict()) for row in rows}


async def save_count(tx: Transaction, count: AttemptCount) -> None:
    """Save a count that is locked."""
    values = {
        "client_digest": count.client_digest,
        "failures": count.failures,
        "counted_at": count.counted_at,
        "blocked_until": count.blocked_until,
    }
    await tx.execute(_SAVE, values)


async def delete_old_counts(tx: Transaction) -> None:
    """Delete the counts that have no effect any more."""
    await tx.execute(_DELETE_OLD, {"before": tx.now - FORGET_AFTER})

"""Counts of failed attempts per client and period of ten minutes.

The table `wrong_guesses` is unlogged: a crash of the database loses these counts and nothing else.
"""

from __future__ import annotations

from sqlalchemy import text

from shared.runtime.database import Transaction

_PERIOD_START = "date_bin('10 minutes', CAST(:now AS timestamptz), timestamptz '2000-01-01 00:00:00Z')"
# The previous period counts in proportion to the part of it that lies within the last ten minutes.
_COUNT = text(
    f"""
    SELECT coalesce(sum(guesses * CASE WHEN period_start = {_PERIOD_START} THEN 1
                        ELSE 1 - extract(epoch FROM CAST(:now AS timestamptz) - {_PERIOD_START}) / 600 END), 0)
      FROM wrong_guesses
     WHERE address_digest = :digest AND period_start >= {_PERIOD_START} - interval '10 minutes'
    """
)
_ADD = text(
    f"""
    INSERT INTO wrong_guesses AS w (address_digest, period_start, guesses) VALUES (:digest, {_PERIOD_START}, :by)
    ON CONFLICT (address_digest, period_start) DO UPDATE SET guesses = w.guesses + :by
    """
)
_DELETE_OLD = text(
    "DELETE FROM wrong_guesses WHERE period_start < CAST(:now AS timestamptz) - interval '30 minutes'"
)


async def count_failed_attempts(tx: Transaction, client_digest: str) -> float:
    """Return the number of failed attempts of the client in the last ten minutes, in part an estimate."""
    return float(await tx.scalar(_COUNT, {"digest": client_digest, "now": tx.now}))


async def add_failed_attempts(tx: Transaction, client_digest: str, *, by: int = 1) -> None:
    """Add `by` to the client's count for the present period; a negative number takes attempts back."""
    await tx.execute(_ADD, {"digest": client_digest, "now": tx.now, "by": by})


async def delete_old_attempts(tx: Transaction) -> None:
    """Delete the counts of periods that are not used any more."""
    await tx.execute(_DELETE_OLD, {"now": tx.now})

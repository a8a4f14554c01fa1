"""Wrong guesses per address and period of ten minutes. The table is unlogged: a crash forgets guesses, nothing else."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import text

from shared.runtime.database import Transaction

_START = "date_bin('10 minutes', CAST(:now AS timestamptz), timestamptz '2000-01-01 00:00:00Z')"
# The previous period counts in proportion to what of it still lies within the last ten minutes.
_COUNT = text(
    f"""
    SELECT coalesce(sum(guesses * CASE WHEN period_start = {_START} THEN 1
                        ELSE 1 - extract(epoch FROM CAST(:now AS timestamptz) - {_START}) / 600 END), 0)
      FROM wrong_guesses
     WHERE address_digest = :digest AND period_start >= {_START} - interval '10 minutes'
    """
)
_ADD = text(
    f"""
    INSERT INTO wrong_guesses AS w (address_digest, period_start, guesses) VALUES (:digest, {_START}, :by)
    ON CONFLICT (address_digest, period_start) DO UPDATE SET guesses = w.guesses + :by
    """
)
_FORGET = text(
    "DELETE FROM wrong_guesses WHERE period_start < CAST(:now AS timestamptz) - interval '30 minutes'"
)


async def count_guesses(transaction: Transaction, address_digest: str, now: datetime) -> float:
    """Wrong guesses from this address in the ten minutes before `now`."""
    return float(await transaction.scalar(_COUNT, {"digest": address_digest, "now": now}))


async def add_guess(transaction: Transaction, address_digest: str, now: datetime, *, by: int = 1) -> None:
    """One more wrong guess, or `by` more."""
    await transaction.execute(_ADD, {"digest": address_digest, "now": now, "by": by})


async def forget_guesses(transaction: Transaction, now: datetime) -> None:
    """Periods that count no more are gone."""
    await transaction.execute(_FORGET, {"now": now})

"""Table `wrong_passwords`: counts of sign-in attempts per rate limit, in windows of ten minutes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import delete, text, update

from services.dashboard.domain.staff import PasswordLimit
from services.dashboard.storage.tables import wrong_passwords
from shared.runtime.database import Transaction

WINDOW = timedelta(minutes=10)
_COUNT = text(
    """
    INSERT INTO wrong_passwords AS stored (key, window_start, failures)
    SELECT key, now(), 1 FROM unnest(CAST(:keys AS text[])) AS key ORDER BY key
    ON CONFLICT (key) DO UPDATE SET
        failures = CASE WHEN stored.window_start <= now() - CAST(:window AS interval) THEN 1
                        ELSE stored.failures + 1 END,
        window_start = CASE WHEN stored.window_start <= now() - CAST(:window AS interval) THEN now()
                            ELSE stored.window_start END
    RETURNING key, failures, window_start
    """
)


async def count_attempt(tx: Transaction, limits: Sequence[PasswordLimit]) -> timedelta | None:
    """Count an attempt and return how long to wait if a limit is exceeded, or None.

    The attempt is counted before the password is checked, so that parallel attempts cannot exceed the limit.
    """
    limit_by_key = {_digest(limit.key): limit.limit for limit in limits}
    rows = await tx.rows(_COUNT, {"keys": sorted(limit_by_key), "window": WINDOW})
    waits = [row.window_start + WINDOW - tx.now for row in rows if row.failures > limit_by_key[row.key]]
    return max(waits, default=None)


async def uncount_attempt(tx: Transaction, limits: Sequence[PasswordLimit]) -> None:
    """Take back one attempt whose password was right, and delete the counts of past windows."""
    columns = wrong_passwords.c
    keys = [_digest(limit.key) for limit in limits]
    statement = update(wrong_passwords).where(columns.key.in_(keys), columns.failures > 0)
    await tx.execute(statement.values(failures=columns.failures - 1))
    await tx.execute(delete(wrong_passwords).where(columns.window_start <= tx.now - WINDOW))


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()

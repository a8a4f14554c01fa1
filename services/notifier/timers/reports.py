"""Applies what providers and people told us."""

from __future__ import annotations

import time

from services.notifier.domain.retry import RetryPolicy
from services.notifier.service.reporting import apply_reports, forget_strays
from services.notifier.service.spending import forget_spending
from services.notifier.service.suppressing import announce, forget_replies
from shared.runtime.background import PeriodicTask
from shared.runtime.database import Database

BATCH = 200
STRAYS_SECONDS = 600.0


class Reports:
    """The loop of everything that comes in by hooks."""

    def __init__(self, database: Database, policy: RetryPolicy, *, poll_seconds: float) -> None:
        self.timer = PeriodicTask("reports", poll_seconds, self.round)
        self._database = database
        self._policy = policy
        self._strays_at = 0.0

    async def round(self) -> bool:
        """One look; answers whether there is more."""
        async with self._database.transaction() as tx:
            more = await apply_reports(tx, self._policy, BATCH)
            more = await announce(tx, BATCH) or more
            if time.monotonic() >= self._strays_at:
                await forget_strays(tx)
                await forget_spending(tx)
                await forget_replies(tx)
                self._strays_at = time.monotonic() + STRAYS_SECONDS
        return more

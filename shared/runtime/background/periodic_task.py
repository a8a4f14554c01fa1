"""Periodic tasks: loops that process due work in batches and rest in between."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from shared.runtime.core.backoff import Backoff
from shared.runtime.core.errors import is_transient
from shared.runtime.observability.health import Health, Heartbeat
from shared.runtime.observability.logging import describe_error, get_logger

log = get_logger("timers")


class PeriodicTask:
    """Task that calls `action` every `interval_seconds`, and at once after `wake()`.

    `action` returns whether more work is due now; it is then called again without a rest.
    """

    def __init__(self, name: str, interval_seconds: float, action: Callable[[], Awaitable[bool]]) -> None:
        self.name = name
        self._interval = self._rest = interval_seconds
        self._action = action
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Run the action now. Safe to call at any time from this event loop."""
        self._wake.set()

    def run_again_within(self, seconds: float) -> None:
        """Shorten the next rest to so many seconds, for an action that knows when more work will be due."""
        self._rest = min(max(seconds, 0.0), self._interval)

    async def run(self, health: Health) -> None:
        """Run until cancelled, waiting out transient failures. Raises anything else, which is a bug."""
        progress: Heartbeat = health.loop(f"timer.{self.name}")
        progress.stale_after_seconds = max(progress.stale_after_seconds, 3 * self._interval)
        backoff = Backoff()
        while True:
            try:
                more = await self._action()
            except Exception as error:
                if not is_transient(error):
                    raise
                progress.degrade("database does not answer")
                log.warning("timer.interrupted", timer=self.name, **describe_error(error))
                await backoff.wait()
                continue
            backoff.reset()
            progress.beat()
            if not more:
                await self._sleep()

    async def _sleep(self) -> None:
        try:
            async with asyncio.timeout(self._rest):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()
        self._rest = self._interval

"""Timers: loops that look for due work, do a batch, and look again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from shared.runtime.core.backoff import Backoff
from shared.runtime.core.errors import is_transient
from shared.runtime.observability.health import Health, Heartbeat
from shared.runtime.observability.logging import describe_error, get_logger

log = get_logger("timers")


class PeriodicTask:
    """Calls `action` every `interval_seconds`, or at once after `wake()`. `action` answers whether more is due now."""

    def __init__(self, name: str, interval_seconds: float, action: Callable[[], Awaitable[bool]]) -> None:
        self.name = name
        self._interval = self._rest = interval_seconds
        self._action = action
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Look at once; safe to call at any time from this event loop."""
        self._wake.set()

    def run_again_within(self, seconds: float) -> None:
        """End the rest that comes next after so long, if not before; for an action that knows when more will be due."""
        self._rest = min(max(seconds, 0.0), self._interval)

    async def run(self, health: Health) -> None:
        """Work until cancelled. Transient failures are waited out; anything else is a bug and raised."""
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

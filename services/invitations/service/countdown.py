"""Waiting for many committed messages with one look at the end instead of one after each batch."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from shared.runtime.database import Transaction
from shared.runtime.messaging import Handler


def _nobody() -> None:
    """Nobody waits."""


@dataclass(slots=True)
class Countdown:
    """Calls `wake` when as many messages as are awaited were handled and committed in this process.

    A hint: other processes handle messages, too, and a batch that is tried again counts twice. Whoever waits looks from
    time to time anyway.
    """

    wake: Callable[[], None] = _nobody
    committed: int = 0
    _handled: int = 0
    _due_at: int | None = None
    _alarm: asyncio.TimerHandle | None = None

    def expect(self, count: int | None, since: int) -> None:
        """Wake after `count` more than there were when `committed` was `since`; None: nothing is awaited."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        self._due_at = None if count is None else since + count
        self._look()

    def look_within(self, seconds: float) -> None:
        """Wake then, too, unless something else is awaited before: it may have come to another process."""
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = asyncio.get_running_loop().call_later(seconds, self.wake)

    def counting(self, handler: Handler) -> Handler:
        """The handler, whose messages count once they are committed."""

        async def handle(tx: Transaction, batch: Sequence[Any]) -> None:
            await handler(tx, batch)
            self._handled += len(batch)

        return handle

    def settle(self) -> None:
        """What was handled is committed now."""
        self.committed += self._handled
        self._handled = 0
        self._look()

    def _look(self) -> None:
        if self._due_at is not None and self.committed >= self._due_at:
            self._due_at = None
            self.wake()

"""Wake-up after a number of committed messages, instead of one after each batch."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from shared.runtime.database import Transaction
from shared.runtime.messaging import Handler


def _do_nothing() -> None:
    pass


@dataclass(slots=True)
class ThresholdWakeup:
    """Calls `wake` once the expected number of messages has been handled and committed in this process.

    It is only a hint: other processes handle messages too, and a batch that is retried counts twice. The waiting side
    therefore polls as well.
    """

    wake: Callable[[], None] = _do_nothing
    committed: int = 0
    _handled: int = 0
    _threshold: int | None = None
    _alarm: asyncio.TimerHandle | None = None

    def expect(self, count: int | None, since: int) -> None:
        """Wake once `committed` has reached `since + count`; None: expect nothing any more."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        self._threshold = None if count is None else since + count
        self._wake_if_reached()

    def wake_within(self, seconds: float) -> None:
        """Wake after so many seconds in any case, unless `expect` is called before."""
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = asyncio.get_running_loop().call_later(seconds, self.wake)

    def counting(self, handler: Handler) -> Handler:
        """Return the handler wrapped so that its messages count as handled."""

        async def handle(tx: Transaction, batch: Sequence[Any]) -> None:
            await handler(tx, batch)
            self._handled += len(batch)

        return handle

    def count_committed(self) -> None:
        """Count all handled messages as committed; called after each commit."""
        self.committed += self._handled
        self._handled = 0
        self._wake_if_reached()

    def _wake_if_reached(self) -> None:
        if self._threshold is not None and self.committed >= self._threshold:
            self._threshold = None
            self.wake()

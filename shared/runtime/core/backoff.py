"""Waiting between attempts: exponential with full jitter, so that a crowd does not come back at once."""

from __future__ import annotations

import asyncio
import random


class Backoff:
    """Delays of `first` seconds doubling up to `longest`, each shortened at random by up to a half."""

    def __init__(self, first: float = 0.05, longest: float = 5.0) -> None:
        self._first = first
        self._longest = longest
        self._next = first

    def reset(self) -> None:
        """The next delay is the first again."""
        self._next = self._first

    def delay(self) -> float:
        """Seconds to wait now; the following delay is twice as long."""
        delay, self._next = self._next, min(self._next * 2, self._longest)
        return delay * random.uniform(0.5, 1.0)  # noqa: S311 - not a secret

    async def wait(self) -> None:
        """Wait the next delay."""
        await asyncio.sleep(self.delay())

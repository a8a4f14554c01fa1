"""Exponential back-off with jitter, so that many clients do not retry at the same time."""

from __future__ import annotations

import asyncio
import random


class Backoff:
    """Delays that start at `first` seconds and double up to `longest`, each shortened at random by up to a half."""

    def __init__(self, first: float = 0.05, longest: float = 5.0) -> None:
        self._first = first
        self._longest = longest
        self._next = first

    def reset(self) -> None:
        """Start again with the first delay."""
        self._next = self._first

    def delay(self) -> float:
        """Return the seconds to wait now, and double the next delay."""
        delay, self._next = self._next, min(self._next * 2, self._longest)
        return delay * random.uniform(0.5, 1.0)  # noqa: S311 - not a secret

    async def wait(self) -> None:
        """Wait for the next delay."""
        await asyncio.sleep(self.delay())

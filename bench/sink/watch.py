"""Timestamps for the growth of a counter."""

import bisect
import threading
import time
from collections.abc import Callable

from bench.background import Background

_CHANGE_SECONDS = 0.1
_REST_SECONDS = 0.001


class Watch:
    """Recorder of the moments at which a counter, which only grows, was seen to have grown, from `start()` to
    `stop()`.

    `changed` waits up to the given seconds for the counter to change. Times are of `time.monotonic()`: growth after a
    pause is seen at once, growth in quick succession once in a millisecond. `curve` holds (time, count) for every
    poll that saw another count than the last.
    """

    def __init__(self, counter: Callable[[], int], changed: Callable[[float], bool]) -> None:
        self._counter = counter
        self._changed = changed
        self._grown = threading.Condition()
        self._poller = Background(self._poll, every_seconds=_REST_SECONDS, failed=self._notify)
        self.curve: list[tuple[float, int]] = [(time.monotonic(), counter())]

    def start(self) -> None:
        """Start recording."""
        self._poller.start()

    def stop(self) -> None:
        """Stop recording; what was recorded stays."""
        self._poller.stop()

    def time_of(self, count: int) -> float:
        """Return when `count` was reached. Raises LookupError if it has not been reached."""
        if self.curve[-1][1] < count:
            raise LookupError(f"{count} not reached, {self.curve[-1][1]} so far")
        return self.curve[bisect.bisect_left(self.curve, count, key=lambda point: point[1])][0]

    def wait(self, count: int, timeout: float) -> float:
        """Wait until `count` is reached and return when that was.

        Raises TimeoutError, and the exception of the counter.
        """
        with self._grown:
            there = self._grown.wait_for(
                lambda: self.curve[-1][1] >= count or self._poller.failure is not None, timeout
            )
        self._poller.check()
        if not there:
            raise TimeoutError(f"{self.curve[-1][1]} of {count} after {timeout} s")
        return self.time_of(count)

    def _poll(self) -> None:
        self._changed(_CHANGE_SECONDS)
        self._note(time.monotonic(), self._counter())

    def _notify(self) -> None:
        with self._grown:
            self._grown.notify_all()

    def _note(self, now: float, count: int) -> None:
        if count != self.curve[-1][1]:
            with self._grown:
                self.curve.append((now, count))
                self._grown.notify_all()

"""A clock beside a counter."""

import bisect
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self


class Watch:
    """Looks at a counter that only grows, every so often, and keeps when it was seen to have grown.

    Times are of `time.perf_counter()`; a growth happened at most `every_seconds` (and what the machine delays a
    thread) before its time. `curve` holds (time, count) for every look that saw another count than the last.
    """

    def __init__(self, counter: Callable[[], int], every_seconds: float) -> None:
        self._counter = counter
        self._every_seconds = every_seconds
        self._ended = threading.Event()
        self._grown = threading.Condition()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.curve: list[tuple[float, int]] = []

    def __enter__(self) -> Self:
        self.curve.append((time.perf_counter(), self._counter()))
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    @property
    def count(self) -> int:
        """As last seen."""
        return self.curve[-1][1]

    def time_of(self, count: int) -> float:
        """When `count` was reached; LookupError if it has not been."""
        if self.count < count:
            raise LookupError(f"{count} not reached, {self.count} so far")
        return self.curve[bisect.bisect_left(self.curve, count, key=lambda point: point[1])][0]

    def wait_for(self, count: int, *, within_seconds: float) -> float:
        """Wait until `count` is reached, and say when that was. Raises TimeoutError, and what the counter raised."""
        with self._grown:
            there = self._grown.wait_for(
                lambda: self.count >= count or self._failure is not None, timeout=within_seconds
            )
        if self._failure is not None:
            raise self._failure
        if not there:
            raise TimeoutError(f"{self.count} of {count} after {within_seconds} s")
        return self.time_of(count)

    def _look(self) -> None:
        try:
            while not self._ended.wait(self._every_seconds):
                count = self._counter()
                if count != self.count:
                    with self._grown:
                        self.curve.append((time.perf_counter(), count))
                        self._grown.notify_all()
        except Exception as failure:  # noqa: BLE001 (raised again where it is waited for)
            with self._grown:
                self._failure = failure
                self._grown.notify_all()

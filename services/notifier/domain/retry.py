"""When a message is tried again, and when a whole channel rests."""

from __future__ import annotations

from dataclasses import dataclass, replace

DELAYS_SECONDS = (1.0, 5.0, 30.0, 120.0, 600.0, 1_800.0, 3_600.0, 7_200.0, 14_400.0)
PAUSES_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
JITTER = 0.2


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often one message is tried. With 20 attempts the last one is two days after the first.

    `ambiguous_limit`: after so many attempts of which nobody knows the end, no further copy is risked. `copy_limit`:
    so many copies are paid for that a provider takes over and then reports as failed.
    """

    attempt_limit: int = 20
    ambiguous_limit: int = 5
    copy_limit: int = 3

    def delay_seconds(self, attempts: int, chance: float, retry_after_seconds: float | None = None) -> float:
        """Seconds from the `attempts`-th failed attempt to the next, 20 % earlier or later as `chance` in [0, 1) says.

        A provider that names a time is never asked before it.
        """
        delay = _spread(DELAYS_SECONDS[min(attempts, len(DELAYS_SECONDS)) - 1], chance)
        return max(delay, retry_after_seconds or 0.0)


@dataclass(frozen=True, slots=True)
class Breaker:
    """Whether a channel is worth trying. Times are seconds of one monotonic clock.

    After a failure of the channel itself nobody tries until `retry_at`; then one message probes, and its success lets
    all others through.
    """

    failures: int = 0
    retry_at: float = 0.0
    code: str = ""
    reason: str = ""

    @property
    def closed(self) -> bool:
        """Everything may be sent."""
        return self.failures == 0

    def resting(self, now: float) -> bool:
        """Nothing may be sent yet."""
        return self.failures > 0 and now < self.retry_at

    def allowance(self, now: float, free: int, in_flight: int) -> int:
        """How many of `free` places may be filled now."""
        if self.closed:
            return free
        return 0 if self.resting(now) or in_flight else min(1, free)

    def tripped(
        self, now: float, chance: float, code: str, reason: str, retry_after_seconds: float | None = None
    ) -> Breaker:
        """The channel failed. Attempts that were under way together count as one failure."""
        if self.resting(now):
            return self
        pause = _spread(PAUSES_SECONDS[min(self.failures, len(PAUSES_SECONDS) - 1)], chance)
        pause = max(pause, retry_after_seconds or 0.0)
        return replace(self, failures=self.failures + 1, retry_at=now + pause, code=code, reason=reason)

    def worked(self) -> Breaker:
        """The channel answered."""
        return self if self.closed else Breaker()


def _spread(seconds: float, chance: float) -> float:
    return seconds * (1 - JITTER + 2 * JITTER * chance)

"""Retry policy of a message, and circuit breaker of a channel."""

from __future__ import annotations

from dataclasses import dataclass, replace

DELAYS_SECONDS = (1.0, 5.0, 30.0, 120.0, 600.0, 1_800.0, 3_600.0, 7_200.0, 14_400.0)
PAUSES_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
JITTER = 0.2


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Limits and delays of the attempts for one message. With 20 attempts the last is two days after the first.

    `attempt_limit`: attempts in all. `ambiguous_limit`: attempts with an unknown outcome, after which no further copy
    is risked. `copy_limit`: copies that the provider took over and then reported as failed, each of which is paid for.
    """

    attempt_limit: int = 20
    ambiguous_limit: int = 5
    copy_limit: int = 3

    def delay_seconds(self, attempts: int, chance: float, retry_after_seconds: float | None = None) -> float:
        """Return the seconds between the failed attempt number `attempts` (from 1) and the next one.

        `chance` in [0, 1) moves the delay up to 20 % earlier or later. The delay is never shorter than
        `retry_after_seconds`, the pause that the provider requested.
        """
        delay = _with_jitter(DELAYS_SECONDS[min(attempts, len(DELAYS_SECONDS)) - 1], chance)
        return max(delay, retry_after_seconds or 0.0)


@dataclass(frozen=True, slots=True)
class CircuitBreaker:
    """State of a channel after failures of the channel as a whole. Times are seconds of one monotonic clock.

    After such a failure nothing is sent until `retry_at`. Then one message is sent as a probe; its success closes the
    breaker, and all others may follow. `code` and `reason` are those of the last failure.
    """

    failures: int = 0
    retry_at: float = 0.0
    code: str = ""
    reason: str = ""

    @property
    def is_closed(self) -> bool:
        """Whether everything may be sent."""
        return self.failures == 0

    def is_open(self, now: float) -> bool:
        """Return whether nothing may be sent at `now`."""
        return self.failures > 0 and now < self.retry_at

    def limit_claims(self, now: float, free: int, in_flight: int) -> int:
        """Return how many of `free` messages may be claimed: all, none, or one as a probe if none is in flight."""
        if self.is_closed:
            return free
        return 0 if self.is_open(now) or in_flight else min(1, free)

    def after_failure(
        self, now: float, chance: float, code: str, reason: str, retry_after_seconds: float | None = None
    ) -> CircuitBreaker:
        """Return the breaker after the channel failed; attempts that were under way together count as one failure."""
        if self.is_open(now):
            return self
        pause = _with_jitter(PAUSES_SECONDS[min(self.failures, len(PAUSES_SECONDS) - 1)], chance)
        pause = max(pause, retry_after_seconds or 0.0)
        return replace(self, failures=self.failures + 1, retry_at=now + pause, code=code, reason=reason)

    def after_success(self) -> CircuitBreaker:
        """Return the breaker after the channel answered: closed."""
        return self if self.is_closed else CircuitBreaker()


def _with_jitter(seconds: float, chance: float) -> float:
    return seconds * (1 - JITTER + 2 * JITTER * chance)

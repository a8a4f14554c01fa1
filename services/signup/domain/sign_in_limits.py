"""Growing waits between sign-ins that fail. Attempts are counted before their password is checked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

FORGET_AFTER = timedelta(hours=1)
"""Time without an attempt after which the earlier ones do not count any more; longer than every wait."""
_FIRST_WAIT_SECONDS = 5.0
_MOST_DOUBLINGS = 20


@dataclass(frozen=True, slots=True)
class WaitPolicy:
    """Number of failed attempts without a wait, and the longest wait, in seconds, to which the later ones lead."""

    free_attempts: int
    longest_wait_seconds: float

    def wait_after(self, failures: int) -> timedelta | None:
        """Return the wait that begins with this failure: none, then five seconds, then twice as long each time."""
        if failures < self.free_attempts:
            return None
        doublings = min(failures - self.free_attempts, _MOST_DOUBLINGS)
        return timedelta(seconds=min(_FIRST_WAIT_SECONDS * 2**doublings, self.longest_wait_seconds))


@dataclass(frozen=True, slots=True)
class AttemptCount:
    """Attempts that failed or are being checked, of a username or a client. All times are in UTC."""

    client_digest: str
    failures: int
    counted_at: datetime
    blocked_until: datetime | None = None

    def remaining_wait(self, now: datetime) -> timedelta:
        """Return how long the next attempt has to wait; zero if it may come now."""
        return max(timedelta(0), (self.blocked_until or now) - now)

    def with_attempt(self, policy: WaitPolicy, now: datetime) -> AttemptCount:
        """Return the count with one more attempt, made at `now`."""
        failures = (self.failures if now - self.counted_at <= FORGET_AFTER else 0) + 1
        wait = policy.wait_after(failures)
        return replace(
            self, failures=failures, counted_at=now, blocked_until=None if wait is None else now + wait
        )

    def without_attempt(self) -> AttemptCount:
        """Return the count without one attempt, whose password was right, and without the wait that it began."""
        return replace(self, failures=max(self.failures - 1, 0), blocked_until=None)

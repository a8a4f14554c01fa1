"""Schedule by which a sender polls its queue."""

from __future__ import annotations

LONGEST_PAUSE = 10


class PollSchedule:
    """Moments at which a queue is polled, in seconds of one monotonic clock.

    The queue is polled every `poll_seconds` while it holds messages. An empty queue is polled ever less often, down to
    once in `LONGEST_PAUSE` times `poll_seconds`.
    """

    def __init__(self, poll_seconds: float) -> None:
        self._poll_seconds = poll_seconds
        self._pause_seconds = poll_seconds
        self._next_poll_at = 0.0

    def is_due(self, now: float) -> bool:
        """Return whether the queue is to be polled."""
        return now >= self._next_poll_at

    def record_poll(self, now: float, *, has_found: bool) -> None:
        """Schedule the next poll after one that found messages, or none."""
        longest = LONGEST_PAUSE * self._poll_seconds
        self._pause_seconds = self._poll_seconds if has_found else min(2 * self._pause_seconds, longest)
        self._next_poll_at = now + self._pause_seconds

    def expect_retry(self, now: float) -> None:
        """Poll within `poll_seconds`, because a message was put back into the queue."""
        self._pause_seconds = self._poll_seconds
        self._next_poll_at = min(self._next_poll_at, now + self._poll_seconds)

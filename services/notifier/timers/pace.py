"""When a sender looks at its queue, and when it records: at once after a rest, in large rounds while it is busy.

Each round is a transaction, which costs as much as ten messages in it.
"""

from __future__ import annotations

LONGEST_REST = 10


class Pace:
    """All moments are seconds on the event loop's clock.

    An empty queue is looked at every `poll_seconds` first, then ever less often, up to `LONGEST_REST` times that. No
    outcome waits longer than `record_seconds` for others to be recorded with.
    """

    def __init__(self, poll_seconds: float, record_seconds: float) -> None:
        self.record_seconds = record_seconds
        self._poll_seconds = poll_seconds
        self._rest_seconds = poll_seconds
        self._look_at = 0.0
        self._recorded_at = float("-inf")

    def wants_look(self, now: float) -> bool:
        """It is long enough since the last look."""
        return now >= self._look_at

    def looked(self, now: float, *, found: bool) -> None:
        """The queue was looked at."""
        longest = LONGEST_REST * self._poll_seconds
        self._rest_seconds = self._poll_seconds if found else min(2 * self._rest_seconds, longest)
        self._look_at = now + self._rest_seconds

    def left_for_later(self, now: float) -> None:
        """A message was put back, so there will be something to find."""
        self._rest_seconds = self._poll_seconds
        self._look_at = min(self._look_at, now + self._poll_seconds)

    def has_rested(self, now: float) -> bool:
        """Nothing was recorded just now, so that what ends is recorded at once."""
        return now - self._recorded_at >= self.record_seconds

    def recorded(self, now: float) -> None:
        """Outcomes were recorded."""
        self._recorded_at = now

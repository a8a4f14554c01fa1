"""Buffer of outcomes that are not recorded yet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from services.notifier.domain.messages import Outcome

UNRECORDED_LIMIT = 32
"""Messages of a sender that its provider may have accepted and that are not recorded: a kill repeats no more."""
BATCH_OUTCOMES = UNRECORDED_LIMIT
"""Accepted messages that are recorded at once: as many as may be unrecorded, so that transactions are few."""
MANY_OUTCOMES = 500
"""Outcomes of any kind that are recorded at once."""


class OutcomeBuffer:
    """Outcomes of finished attempts, flushed by count and by time.

    Each flush is a transaction, which costs as much as ten messages in it, so outcomes are recorded together.
    `on_due` is called when the buffer is to be flushed: at once after a pause of `delay_seconds` without outcomes or
    once `BATCH_OUTCOMES` messages were accepted, otherwise `delay_seconds` after the first outcome. Times are seconds
    of the monotonic `clock`.
    """

    def __init__(
        self, on_due: Callable[[], None], *, delay_seconds: float, clock: Callable[[], float]
    ) -> None:
        self._on_due = on_due
        self._delay_seconds = delay_seconds
        self._clock = clock
        self._outcomes: list[Outcome] = []
        self._accepted = 0
        self._being_recorded = 0
        self._flushed_at = float("-inf")
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._outcomes)

    @property
    def accepted(self) -> int:
        """Number of buffered outcomes whose message the provider may have accepted."""
        return self._accepted

    def snapshot(self) -> list[Outcome]:
        """Return the buffered outcomes, which are now being recorded.

        They stay in the buffer until `discard`, in case that recording them fails, but make no further flush due.
        """
        self._being_recorded = self._accepted
        return list(self._outcomes)

    def add(self, outcome: Outcome) -> None:
        """Append an outcome."""
        self._outcomes.append(outcome)
        self._accepted += outcome.may_have_been_accepted

    def discard(self, outcomes: Sequence[Outcome], now: float) -> None:
        """Remove the oldest outcomes, which were recorded at `now`."""
        del self._outcomes[: len(outcomes)]
        self._accepted -= sum(outcome.may_have_been_accepted for outcome in outcomes)
        self._being_recorded = 0
        if outcomes:
            self._flushed_at = now

    def is_due(self, *, is_idle: bool) -> bool:
        """Return whether to flush now: the buffer is full enough, or nothing is in flight after a pause."""
        if self._accepted - self._being_recorded >= BATCH_OUTCOMES or len(self._outcomes) >= MANY_OUTCOMES:
            return True
        has_paused = self._clock() - self._flushed_at >= self._delay_seconds
        return bool(self._outcomes) and is_idle and has_paused

    def schedule(self, *, is_idle: bool) -> None:
        """Call `on_due` now if a flush is due, otherwise `delay_seconds` after the first call."""
        if self.is_due(is_idle=is_idle):
            self._on_due()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._delay_seconds, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._on_due()

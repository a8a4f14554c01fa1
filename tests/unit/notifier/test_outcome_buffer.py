"""Buffer of outcomes: when it is flushed, and what it counts."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.notifier.domain.messages import Outcome, Result, Verdict
from services.notifier.sending.outcome_buffer import BATCH_OUTCOMES, MANY_OUTCOMES, OutcomeBuffer
from tests.support.pace import pause_for
from tests.unit.notifier.test_messages import CLAIM

_ACCEPTED = {Verdict.SENT: True, Verdict.UNKNOWN: True}


class _Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> _Clock:
    return _Clock()


@pytest.fixture
def flushes() -> list[None]:
    return []


@pytest.fixture
def buffer(clock: _Clock, flushes: list[None]) -> OutcomeBuffer:
    return OutcomeBuffer(lambda: flushes.append(None), delay_seconds=0.1, clock=clock)


def _outcome(verdict: Verdict) -> Outcome:
    return Outcome(CLAIM, Result(verdict), datetime(2026, 3, 1, tzinfo=UTC))


@pytest.mark.parametrize("verdict", list(Verdict))
def test_it_counts_messages_that_the_provider_may_have_accepted(
    buffer: OutcomeBuffer, verdict: Verdict
) -> None:
    buffer.add(_outcome(verdict))
    assert len(buffer) == 1
    assert buffer.accepted == _ACCEPTED.get(verdict, False)
    buffer.discard(buffer.snapshot(), 100.0)
    assert (len(buffer), buffer.accepted) == (0, 0)


def test_outcomes_that_come_while_others_are_recorded_stay(buffer: OutcomeBuffer) -> None:
    buffer.add(_outcome(Verdict.SENT))
    recorded = buffer.snapshot()
    later = _outcome(Verdict.REFUSED)
    buffer.add(later)
    buffer.discard(recorded, 100.0)
    assert buffer.snapshot() == [later]
    assert buffer.accepted == 0


@pytest.mark.parametrize(
    ("verdict", "count"), [(Verdict.SENT, BATCH_OUTCOMES), (Verdict.NOT_TRIED, MANY_OUTCOMES)]
)
def test_it_is_due_by_count_however_busy_the_sender_is(
    buffer: OutcomeBuffer, verdict: Verdict, count: int
) -> None:
    for _ in range(count - 1):
        buffer.add(_outcome(verdict))
        assert not buffer.is_due(is_idle=False)
    buffer.add(_outcome(verdict))
    assert buffer.is_due(is_idle=False)


def test_the_first_outcome_after_a_pause_is_due_at_once(buffer: OutcomeBuffer, clock: _Clock) -> None:
    assert not buffer.is_due(is_idle=True), "there is nothing to record"
    buffer.add(_outcome(Verdict.SENT))
    assert buffer.is_due(is_idle=True)
    buffer.discard(buffer.snapshot(), clock.now)
    buffer.add(_outcome(Verdict.SENT))
    clock.now += 0.09
    assert not buffer.is_due(is_idle=True)
    clock.now += 0.02
    assert buffer.is_due(is_idle=True)
    assert not buffer.is_due(is_idle=False)


async def test_a_busy_sender_flushes_once_after_the_delay(buffer: OutcomeBuffer, flushes: list[None]) -> None:
    buffer.add(_outcome(Verdict.SENT))
    buffer.schedule(is_idle=False)
    buffer.schedule(is_idle=False)
    assert flushes == []
    await pause_for(0.15)
    assert len(flushes) == 1
    buffer.schedule(is_idle=True)
    assert len(flushes) == 2


def test_outcomes_that_are_being_recorded_make_no_further_flush_due(buffer: OutcomeBuffer) -> None:
    for _ in range(BATCH_OUTCOMES):
        buffer.add(_outcome(Verdict.SENT))
    recorded = buffer.snapshot()
    buffer.add(_outcome(Verdict.SENT))
    assert not buffer.is_due(is_idle=False)
    buffer.discard(recorded, 100.0)
    for _ in range(BATCH_OUTCOMES - 1):
        assert not buffer.is_due(is_idle=False)
        buffer.add(_outcome(Verdict.SENT))
    assert buffer.is_due(is_idle=False)

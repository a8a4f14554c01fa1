"""Schedule of a sender's polls."""

from __future__ import annotations

import pytest

from services.notifier.sending.poll_schedule import LONGEST_PAUSE, PollSchedule


@pytest.fixture
def schedule() -> PollSchedule:
    return PollSchedule(poll_seconds=0.2)


def _pause(schedule: PollSchedule, now: float) -> float:
    """Return the seconds until the next poll, to a hundredth."""
    return next(step / 100 for step in range(1_000) if schedule.is_due(now + step / 100))


def test_it_polls_at_once_and_an_empty_queue_ever_less_often(schedule: PollSchedule) -> None:
    assert schedule.is_due(0.0)
    pauses = []
    for now in (10.0, 20.0, 30.0, 40.0, 50.0, 60.0):
        schedule.record_poll(now, has_found=False)
        pauses.append(_pause(schedule, now))
    assert pauses == sorted(pauses)
    assert pauses[0] == pytest.approx(0.4, abs=0.02)
    assert pauses[-1] == pauses[-2] == pytest.approx(LONGEST_PAUSE * 0.2, abs=0.02)


def test_messages_in_the_queue_or_to_be_retried_bring_it_back_to_its_poll(schedule: PollSchedule) -> None:
    for now in range(5):
        schedule.record_poll(float(now), has_found=False)
    schedule.expect_retry(4.5)
    assert _pause(schedule, 4.5) == pytest.approx(0.2, abs=0.02)
    schedule.record_poll(10.0, has_found=True)
    assert _pause(schedule, 10.0) == pytest.approx(0.2, abs=0.02)


def test_a_retry_never_delays_a_poll(schedule: PollSchedule) -> None:
    schedule.record_poll(10.0, has_found=True)
    schedule.expect_retry(10.15)
    assert _pause(schedule, 10.15) == pytest.approx(0.05, abs=0.02)

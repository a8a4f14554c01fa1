"""When a sender looks and when it records."""

import pytest

from services.notifier.timers.pace import LONGEST_REST, Pace


@pytest.fixture
def pace() -> Pace:
    return Pace(poll_seconds=0.2, record_seconds=0.1)


def _rest(pace: Pace, now: float) -> float:
    """Seconds until it looks again, to a hundredth."""
    return next(step / 100 for step in range(1_000) if pace.wants_look(now + step / 100))


def test_it_looks_at_once_and_at_an_empty_queue_ever_less_often(pace: Pace) -> None:
    assert pace.wants_look(0.0)
    rests = []
    for now in (10.0, 20.0, 30.0, 40.0, 50.0, 60.0):
        pace.looked(now, found=False)
        rests.append(_rest(pace, now))
    assert rests == sorted(rests)
    assert rests[-1] == rests[-2] == pytest.approx(LONGEST_REST * 0.2, abs=0.02)


def test_what_is_found_or_left_for_later_brings_it_back_to_its_poll(pace: Pace) -> None:
    for now in range(5):
        pace.looked(float(now), found=False)
    pace.left_for_later(4.5)
    assert _rest(pace, 4.5) == pytest.approx(0.2, abs=0.02)
    pace.looked(10.0, found=True)
    assert _rest(pace, 10.0) == pytest.approx(0.2, abs=0.02)


def test_what_is_left_for_later_never_puts_a_look_off(pace: Pace) -> None:
    pace.looked(10.0, found=True)
    pace.left_for_later(10.15)
    assert _rest(pace, 10.15) == pytest.approx(0.05, abs=0.02)


def test_the_first_outcome_after_a_rest_is_recorded_at_once(pace: Pace) -> None:
    assert pace.has_rested(0.0)
    pace.recorded(1.0)
    assert not pace.has_rested(1.05)
    assert pace.has_rested(1.11)

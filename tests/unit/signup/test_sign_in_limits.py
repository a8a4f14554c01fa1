"""Growing waits between sign-ins that fail."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from services.signup.domain.sign_in_limits import FORGET_AFTER, AttemptCount, WaitPolicy
from tests.unit.signup.memory_storage import NOW

POLICY = WaitPolicy(free_attempts=3, longest_wait_seconds=60)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("failures", "seconds"),
    [(0, None), (2, None), (3, 5), (4, 10), (5, 20), (6, 40), (7, 60), (8, 60), (10_000, 60)],
)
def test_each_failure_doubles_the_wait_up_to_the_longest(failures: int, seconds: float | None) -> None:
    assert POLICY.wait_after(failures) == (None if seconds is None else timedelta(seconds=seconds))


def test_an_attempt_is_counted_and_begins_its_wait() -> None:
    count = AttemptCount("digest", 2, NOW).with_attempt(POLICY, NOW + SECOND)
    assert count == AttemptCount("digest", 3, NOW + SECOND, NOW + 6 * SECOND)
    assert count.remaining_wait(NOW + 2 * SECOND) == 4 * SECOND
    assert count.remaining_wait(NOW + 6 * SECOND) == timedelta(0)


def test_earlier_attempts_are_forgotten_after_a_time_without_any() -> None:
    count = AttemptCount("digest", 9, NOW, NOW + SECOND)
    assert count.with_attempt(POLICY, NOW + FORGET_AFTER).failures == 10
    assert count.with_attempt(POLICY, NOW + FORGET_AFTER + SECOND).failures == 1


def test_a_right_password_takes_only_its_own_attempt_and_its_wait_back() -> None:
    count = AttemptCount("digest", 4, NOW, NOW + SECOND)
    assert count.without_attempt() == AttemptCount("digest", 3, NOW)
    assert replace(count, failures=0).without_attempt().failures == 0


def test_without_a_wait_the_next_attempt_may_come_at_once() -> None:
    assert AttemptCount("digest", 1, NOW).remaining_wait(NOW) == timedelta(0)

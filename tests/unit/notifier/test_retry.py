"""Retry policy of a message, and circuit breaker of a channel."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.domain.retry import DELAYS_SECONDS, CircuitBreaker, RetryPolicy

_CHANCE = st.floats(min_value=0, max_value=1, exclude_max=True)


def test_delays_grow_to_hours() -> None:
    delays = [RetryPolicy().delay_seconds(n, 0.5) for n in range(1, 12)]
    assert delays[:5] == pytest.approx([1, 5, 30, 120, 600])
    assert delays == sorted(delays)
    assert delays[-1] == pytest.approx(DELAYS_SECONDS[-1])


def test_the_delays_are_seconds_then_minutes_then_hours() -> None:
    delays = [RetryPolicy().delay_seconds(attempts, 0.5) for attempts in range(1, 11)]
    assert delays == pytest.approx([1, 5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 14_400])
    assert RetryPolicy().delay_seconds(1, 0.0, retry_after_seconds=0.0) == pytest.approx(0.8)


def test_the_limits_are_those_of_two_days_and_three_paid_copies() -> None:
    policy = RetryPolicy()
    assert (policy.attempt_limit, policy.ambiguous_limit, policy.copy_limit) == (20, 5, 3)


def test_all_attempts_span_about_two_days() -> None:
    policy = RetryPolicy()
    total = timedelta(seconds=sum(policy.delay_seconds(n, 0.5) for n in range(1, policy.attempt_limit)))
    assert timedelta(days=1.5) < total < timedelta(days=2.5)


@given(attempts=st.integers(1, 100), chance=_CHANCE)
def test_jitter_is_a_fifth_at_most(attempts: int, chance: float) -> None:
    middle = RetryPolicy().delay_seconds(attempts, 0.5)
    assert 0.8 * middle <= RetryPolicy().delay_seconds(attempts, chance) <= 1.2 * middle


def test_a_provider_that_names_a_time_is_not_called_before_it() -> None:
    assert RetryPolicy().delay_seconds(1, 0.0, retry_after_seconds=90) == 90
    assert RetryPolicy().delay_seconds(9, 0.5, retry_after_seconds=90) == pytest.approx(14_400)


def test_a_breaker_lets_one_probe_through_after_its_rest() -> None:
    tripped = CircuitBreaker().after_failure(
        100.0, 0.5, "no_connection", "The mail server cannot be reached."
    )
    assert tripped.limit_claims(100.1, free=50, in_flight=0) == 0
    assert tripped.limit_claims(101.0, free=50, in_flight=0) == 1
    assert tripped.limit_claims(101.0, free=49, in_flight=1) == 0
    assert tripped.after_success().limit_claims(101.0, free=50, in_flight=0) == 50


def test_attempts_that_fail_together_count_once() -> None:
    first = CircuitBreaker().after_failure(100.0, 0.5, "no_connection", "")
    assert first.after_failure(100.2, 0.5, "no_connection", "") == first
    later = first.after_failure(200.0, 0.5, "no_connection", "")
    assert later.failures == 2
    assert later.retry_at - 200.0 > first.retry_at - 100.0


def test_the_rest_stays_under_a_minute_unless_the_provider_requests_more() -> None:
    breaker = CircuitBreaker()
    for round_ in range(30):
        breaker = breaker.after_failure(1_000.0 * round_, 0.99, "timeout", "")
    assert breaker.retry_at - 29_000.0 < 60
    paused = CircuitBreaker().after_failure(0.0, 0.5, "429", "", retry_after_seconds=600)
    assert paused.retry_at == 600


def test_a_closed_breaker_changes_nothing() -> None:
    assert CircuitBreaker().after_success() == CircuitBreaker()
    assert not CircuitBreaker().is_open(0.0)


def test_pauses_grow_from_half_a_second_to_thirty() -> None:
    breaker, pauses = CircuitBreaker(), []
    for number in range(7):
        now = 100.0 * number
        breaker = breaker.after_failure(now, 0.5, "timeout", "")
        pauses.append(breaker.retry_at - now)
    assert pauses == pytest.approx([0.5, 1, 2, 5, 10, 30, 30])
    assert breaker.is_open(600.0 + 29.9)
    assert not breaker.is_open(breaker.retry_at)

"""Number of messages that a sender holds, by the speed of its channel; and the renewal of their leases."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import pytest

from services.notifier.domain.messages import Outcome, Result, Verdict
from services.notifier.sending.in_flight import (
    ADAPT_SECONDS,
    CLAIMED_PER_CONNECTION,
    MOST_CLAIMED,
    InFlightMessage,
    InFlightMessages,
)
from services.notifier.sending.outcome_buffer import OutcomeBuffer
from services.notifier.sending.sessions import Sessions
from tests.unit.notifier.test_messages import CLAIM

NOW = datetime(2026, 3, 1, tzinfo=UTC)
LOWEST = 2 * CLAIMED_PER_CONNECTION


class _Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> _Clock:
    return _Clock()


@pytest.fixture
def in_flight(clock: _Clock) -> InFlightMessages:
    """Messages in flight of two connections, without attempts."""
    buffer = OutcomeBuffer(lambda: None, delay_seconds=0.1, clock=clock)
    return InFlightMessages(
        cast(Any, None),
        buffer,
        sessions=Sessions(2),
        lease_seconds=30.0,
        on_outcome=lambda: None,
        request_round=lambda: None,
        clock=clock,
    )


def _outcomes(count: int) -> list[Outcome]:
    return [Outcome(CLAIM, Result(Verdict.SENT), NOW)] * count


def test_a_quick_channel_holds_more_and_more(in_flight: InFlightMessages, clock: _Clock) -> None:
    targets = []
    for _ in range(8):
        clock.now += 2 * ADAPT_SECONDS
        in_flight.discard_outcomes(_outcomes(in_flight.target // 4), clock.now)
        targets.append(in_flight.target)
    assert targets[:3] == [2 * LOWEST, 4 * LOWEST, 8 * LOWEST]
    assert targets[-1] == MOST_CLAIMED


def test_outcomes_of_several_rounds_are_taken_together(in_flight: InFlightMessages, clock: _Clock) -> None:
    in_flight.discard_outcomes([], clock.now)
    for _ in range(4):
        clock.now += ADAPT_SECONDS / 3
        in_flight.discard_outcomes(_outcomes(LOWEST // 8), clock.now)
    assert in_flight.target == 2 * LOWEST


def test_a_channel_that_sends_little_holds_no_more(in_flight: InFlightMessages, clock: _Clock) -> None:
    clock.now += 2 * ADAPT_SECONDS
    in_flight.discard_outcomes(_outcomes(LOWEST // 4 - 1), clock.now)
    assert in_flight.target == LOWEST


def test_leases_are_renewed_each_third_and_end_where_they_were_lost(
    in_flight: InFlightMessages, clock: _Clock
) -> None:
    assert in_flight.due_for_renewal(clock.now) == []
    in_flight.messages[CLAIM.message.message_id] = message = _message(clock)
    in_flight.renew([message], {CLAIM.message.message_id}, clock.now)
    assert message.lease_until == clock.now + 30.0
    assert in_flight.due_for_renewal(clock.now + 9.9) == []
    assert in_flight.due_for_renewal(clock.now + 10.0) == [message]
    in_flight.renew([message], set(), clock.now + 10.0)
    assert message.lease_until < clock.now


def _message(clock: _Clock) -> InFlightMessage:
    return InFlightMessage(CLAIM, NOW, clock.now, clock.now + 30.0)

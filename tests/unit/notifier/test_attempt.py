"""Attempts over one channel, and its circuit breaker."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from services.notifier.channels.base import (
    LeaseLost,
    OptedOut,
    OutcomeUnknown,
    Refused,
    SendError,
    TryLater,
    Unavailable,
)
from services.notifier.channels.memory import MemoryChannel
from services.notifier.domain.messages import Message, Result, Verdict
from services.notifier.domain.retry import RetryPolicy
from services.notifier.sending.attempt import Attempts
from services.notifier.use_cases.claim import Queue
from shared.runtime.messaging import Lane
from tests.unit.notifier.test_compose_message import COMPOSER
from tests.unit.notifier.test_messages import MESSAGE

DOWN = Unavailable("no_connection", "Not now.", retry_after_seconds=5.0)


class _Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class _Setup:
    """Attempts over an in-memory channel. `before` is the result of the check before an attempt."""

    def __init__(self) -> None:
        self.clock = _Clock()
        self.channel = MemoryChannel()
        self.before: Result | None = None
        queue = Queue("email", Lane.SINGLE, 20.0, RetryPolicy())
        self.attempts = Attempts(self.channel, queue, COMPOSER, self._check, clock=self.clock)

    async def _check(self, _: Message) -> Result | None:
        return self.before

    async def attempt(self, message: Message = MESSAGE) -> Result | None:
        return await self.attempts.attempt(message, lambda: True, lambda _: None)


@pytest.fixture
def setup() -> _Setup:
    return _Setup()


async def test_an_accepted_message_is_sent_with_the_providers_answer(setup: _Setup) -> None:
    assert await setup.attempt() == Result(Verdict.SENT, detail="250 kept")
    assert len(setup.channel.accepted) == 1


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (Refused("5.1.1", "Gone."), Verdict.REFUSED),
        (OptedOut("STOP."), Verdict.REFUSED),
        (TryLater("4.7.1", "Later."), Verdict.TRY_LATER),
        (OutcomeUnknown("timeout", "Lost."), Verdict.UNKNOWN),
    ],
)
async def test_an_error_of_one_message_keeps_its_meaning_and_the_channel(
    setup: _Setup, error: SendError, verdict: Verdict
) -> None:
    setup.channel.errors["maria@example.org"] = [error]
    result = await setup.attempt()
    assert result is not None
    assert (result.verdict, result.code, result.reason) == (verdict, error.code, error.reason)
    assert setup.attempts.breaker.is_closed


async def test_a_channel_that_is_down_is_not_called_until_its_pause_is_over(setup: _Setup) -> None:
    setup.channel.down = DOWN
    first = await setup.attempt()
    assert first is not None
    assert (first.verdict, first.retry_after_seconds) == (Verdict.UNAVAILABLE, 5.0)
    setup.clock.now += 4.0
    second = await setup.attempt()
    assert second is not None
    assert (second.verdict, second.code, second.retry_after_seconds) == (
        Verdict.NOT_TRIED,
        "no_connection",
        1.0,
    )
    assert len(setup.channel.tried) == 1
    setup.clock.now += 1.0
    setup.channel.down = None
    third = await setup.attempt()
    assert third is not None
    assert third.verdict is Verdict.SENT
    assert setup.attempts.breaker.is_closed


async def test_the_check_before_an_attempt_replaces_it(setup: _Setup) -> None:
    setup.before = Result(Verdict.REFUSED, "opted_out")
    assert await setup.attempt() == setup.before
    assert setup.channel.tried == []


async def test_a_lost_lease_is_no_result(setup: _Setup) -> None:
    setup.channel.errors["maria@example.org"] = [LeaseLost()]
    assert await setup.attempt() is None


async def test_a_bug_and_a_missing_key_are_temporary_failures_of_one_message(setup: _Setup) -> None:
    setup.channel.errors["maria@example.org"] = [ValueError("a bug of ours")]  # type: ignore[list-item]
    result = await setup.attempt()
    assert result is not None
    assert (result.verdict, result.code) == (Verdict.TRY_LATER, "internal_error")
    result = await setup.attempt(replace(MESSAGE, token_key_id="k9"))
    assert result is not None
    assert (result.verdict, result.code) == (Verdict.TRY_LATER, "token_key_unknown")


async def test_a_message_that_cannot_be_composed_is_a_temporary_failure(setup: _Setup) -> None:
    result = await setup.attempt(replace(MESSAGE, expires_at=datetime(1, 1, 1)))  # noqa: DTZ001 (no sender can work on it)
    assert result is not None
    assert (result.verdict, result.code) == (Verdict.TRY_LATER, "internal_error")
    assert setup.channel.tried == []

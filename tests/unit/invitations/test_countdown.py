"""Waiting for many committed messages: one look when they are there, none before."""

from collections.abc import Sequence
from typing import Any, cast

import pytest

from services.invitations.service.countdown import Countdown
from shared.runtime.database import Transaction

NO_TRANSACTION = cast(Transaction, None)


class _Looks:
    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


async def _handled(countdown: Countdown, count: int) -> None:
    async def handler(tx: Transaction, batch: Sequence[Any]) -> None:
        pass

    await countdown.counting(handler)(NO_TRANSACTION, range(count))


async def test_it_wakes_once_when_enough_is_committed() -> None:
    looks = _Looks()
    countdown = Countdown(looks)
    countdown.expect(250, since=countdown.committed)
    for _ in range(5):
        await _handled(countdown, 60)
        countdown.settle()
    assert looks.count == 1
    assert countdown.committed == 300


async def test_what_is_not_committed_does_not_count() -> None:
    looks = _Looks()
    countdown = Countdown(looks)
    countdown.expect(1, since=0)
    await _handled(countdown, 5)
    assert (looks.count, countdown.committed) == (0, 0)


async def test_what_came_between_the_look_and_the_wait_counts() -> None:
    looks = _Looks()
    countdown = Countdown(looks)
    looked_at = countdown.committed
    await _handled(countdown, 250)
    countdown.settle()
    countdown.expect(200, since=looked_at)
    assert looks.count == 1


async def test_a_handler_that_fails_counts_nothing() -> None:
    async def failing(tx: Transaction, batch: Sequence[Any]) -> None:
        raise ValueError("refused")

    countdown = Countdown(_Looks())
    with pytest.raises(ValueError, match="refused"):
        await countdown.counting(failing)(NO_TRANSACTION, [1])
    countdown.settle()
    assert countdown.committed == 0


async def test_where_nothing_is_awaited_nobody_is_woken() -> None:
    looks = _Looks()
    countdown = Countdown(looks)
    countdown.expect(3, since=0)
    countdown.expect(None, since=0)
    await _handled(countdown, 10)
    countdown.settle()
    assert looks.count == 0

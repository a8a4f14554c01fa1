"""Threshold wake-up: one wake-up when the expected messages are committed, none before."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import pytest

from services.invitations.use_cases.threshold_wakeup import ThresholdWakeup
from shared.runtime.database import Transaction
from tests.support.pace import pause_for

NO_TRANSACTION = cast(Transaction, None)


class _Counter:
    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


async def _handle(wakeup: ThresholdWakeup, count: int) -> None:
    async def handler(tx: Transaction, batch: Sequence[Any]) -> None:
        pass

    await wakeup.counting(handler)(NO_TRANSACTION, range(count))


async def test_it_wakes_once_when_enough_is_committed() -> None:
    calls = _Counter()
    wakeup = ThresholdWakeup(calls)
    wakeup.expect(250, since=wakeup.committed)
    for _ in range(5):
        await _handle(wakeup, 60)
        wakeup.count_committed()
    assert calls.count == 1
    assert wakeup.committed == 300


async def test_what_is_not_committed_does_not_count() -> None:
    calls = _Counter()
    wakeup = ThresholdWakeup(calls)
    wakeup.expect(1, since=0)
    await _handle(wakeup, 5)
    assert (calls.count, wakeup.committed) == (0, 0)


async def test_what_came_between_the_poll_and_the_wait_counts() -> None:
    calls = _Counter()
    wakeup = ThresholdWakeup(calls)
    polled_at = wakeup.committed
    await _handle(wakeup, 250)
    wakeup.count_committed()
    wakeup.expect(200, since=polled_at)
    assert calls.count == 1


async def test_a_handler_that_fails_counts_nothing() -> None:
    async def failing(tx: Transaction, batch: Sequence[Any]) -> None:
        raise ValueError("refused")

    wakeup = ThresholdWakeup(_Counter())
    with pytest.raises(ValueError, match="refused"):
        await wakeup.counting(failing)(NO_TRANSACTION, [1])
    wakeup.count_committed()
    assert wakeup.committed == 0


async def test_where_nothing_is_awaited_nobody_is_woken() -> None:
    calls = _Counter()
    wakeup = ThresholdWakeup(calls)
    wakeup.expect(3, since=0)
    wakeup.expect(None, since=0)
    await _handle(wakeup, 10)
    wakeup.count_committed()
    assert calls.count == 0


async def test_it_wakes_after_a_time() -> None:
    woken = asyncio.Event()
    wakeup = ThresholdWakeup(woken.set)
    wakeup.wake_within(3_600)
    wakeup.wake_within(0)
    async with asyncio.timeout(10):
        await woken.wait()


async def test_the_time_is_over_once_something_else_is_expected() -> None:
    calls = _Counter()
    wakeup = ThresholdWakeup(calls)
    wakeup.wake_within(0)
    wakeup.expect(3, since=0)
    await pause_for(0.01)
    assert calls.count == 0

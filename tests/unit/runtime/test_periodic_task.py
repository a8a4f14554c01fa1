"""When a timer runs again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from shared.runtime.background import PeriodicTask
from shared.runtime.observability import Health

AN_HOUR = 3_600.0


async def _runs(
    interval_seconds: float, rest: Callable[[PeriodicTask, int], None], wanted: int
) -> PeriodicTask:
    """Run a timer until it has looked so often; `rest` is what it does with its how manieth run."""
    done, runs = asyncio.Event(), 0

    async def run() -> bool:
        nonlocal runs
        runs += 1
        rest(timer, runs)
        if runs == wanted:
            done.set()
        return False

    timer = PeriodicTask("test", interval_seconds, run)
    task = asyncio.create_task(timer.run(Health()))
    try:
        async with asyncio.timeout(30):
            await done.wait()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return timer


async def test_an_action_that_knows_when_more_is_due_is_called_then() -> None:
    await _runs(AN_HOUR, lambda timer, _: timer.run_again_within(0.01), wanted=3)


async def test_a_rest_is_never_longer_than_the_interval() -> None:
    await _runs(0.01, lambda timer, _: timer.run_again_within(AN_HOUR), wanted=3)


async def test_a_shortened_rest_counts_once() -> None:
    def once(timer: PeriodicTask, run: int) -> None:
        if run == 1:
            timer.run_again_within(-1.0)

    timer = await _runs(AN_HOUR, once, wanted=2)
    assert timer._rest == AN_HOUR

"""Waiting in tests: polling to a deadline, and nothing else."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

T = TypeVar("T")


async def clear_of_the_end(period_seconds: int, spare_seconds: float = 30.0) -> None:
    """Wait for the next period of the clock if less than `spare_seconds` of this one are left."""
    left = period_seconds - time.time() % period_seconds
    if left < spare_seconds:
        await asyncio.sleep(left + 0.1)


@overload
async def eventually(
    check: Callable[[], Awaitable[T]], *, within_seconds: float = ..., every_seconds: float = ...
) -> T: ...
@overload
async def eventually(
    check: Callable[[], T], *, within_seconds: float = ..., every_seconds: float = ...
) -> T: ...
async def eventually(
    check: Callable[[], Any], *, within_seconds: float = 30.0, every_seconds: float = 0.02
) -> Any:
    """Call `check` until it neither raises AssertionError nor returns False, and return its result.

    At the deadline the last AssertionError is raised as it was; any other exception is raised at once.
    """
    deadline = time.monotonic() + within_seconds
    while True:
        failure = AssertionError(f"still False after {within_seconds} s")
        try:
            outcome = check()
            if inspect.isawaitable(outcome):
                outcome = await outcome
        except AssertionError as not_yet:
            failure = not_yet
        else:
            if outcome is not False:
                return outcome
        if time.monotonic() > deadline:
            raise failure
        await asyncio.sleep(every_seconds)

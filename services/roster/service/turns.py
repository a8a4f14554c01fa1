"""Two things at once in one transaction: the database writes one batch while Python works on another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

T = TypeVar("T")
ROWS_A_TURN = 32


@asynccontextmanager
async def meanwhile(statements: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run statements while the block works, which must leave their transaction alone; the block ends after them.

    What they raise is raised when the block ends; if it ends early, they are waited for all the same, since a
    transaction cannot be rolled back under its own statement.
    """
    task = asyncio.create_task(statements)
    try:
        yield
    finally:
        await task


def in_turns(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    """A few rows at a time, after which others may have their turn (`asyncio.sleep(0)`)."""
    for start in range(0, len(rows), ROWS_A_TURN):
        yield rows[start : start + ROWS_A_TURN]

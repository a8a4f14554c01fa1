"""Wait until the projection shows the effect of a command, so that the next page is not a step behind."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

from shared.runtime.database import Database, Transaction

TIMEOUT_SECONDS = 2.0
POLL_SECONDS = 0.05


async def wait_until(check: Callable[[], Awaitable[bool]], *, timeout_seconds: float | None = None) -> bool:
    """Poll `check` until it returns True, or return False after `timeout_seconds` (two by default)."""
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS if timeout_seconds is None else timeout_seconds):
            while True:
                if await check():
                    return True
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        return False


async def wait_for_projection(
    database: Database, school_id: UUID, check: Callable[[Transaction], Awaitable[bool]]
) -> bool:
    """Poll `check` in transactions of its own until it returns True, or return False after two seconds."""

    async def check_in_transaction() -> bool:
        async with database.transaction(schools=[school_id]) as tx:
            return await check(tx)

    return await wait_until(check_in_transaction)

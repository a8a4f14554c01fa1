"""Waiting for the projection to show what a form has just done, so that the next page is not a step behind."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

from shared.runtime.database import Database, Transaction

PATIENCE_SECONDS = 2.0
POLL_SECONDS = 0.05


async def until(look: Callable[[], Awaitable[bool]], *, seconds: float | None = None) -> bool:
    """Look until it is true, for `seconds` (two where not said) at most; False: it is not yet."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS if seconds is None else seconds):
            while True:
                if await look():
                    return True
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        return False


async def shown(database: Database, school_id: UUID, check: Callable[[Transaction], Awaitable[bool]]) -> bool:
    """Look until `check` is true, for two seconds at most; False: the page will show it a little later."""

    async def look() -> bool:
        async with database.transaction(schools=[school_id]) as tx:
            return await check(tx)

    return await until(look)


async def heard(check: Callable[[], bool]) -> bool:
    """The same for what this process hears from the bus."""

    async def look() -> bool:
        return check()

    return await until(look)

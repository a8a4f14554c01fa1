"""Time that is part of a test: how long a fault lasts, how long a client thinks. No condition is waited for by it."""

import asyncio
import time


def last(seconds: float) -> None:
    """Let it last; what other threads and processes do goes on."""
    time.sleep(max(0.0, seconds))


async def think(seconds: float) -> None:
    """The same for one of many tasks."""
    await asyncio.sleep(seconds)

"""Time that is part of a test: how long a fault lasts, how long a client pauses. No condition is waited for by it."""

import asyncio
import time


def block_for(seconds: float) -> None:
    """Block this thread, while other threads and processes go on."""
    time.sleep(max(0.0, seconds))


async def pause_for(seconds: float) -> None:
    """Pause this task."""
    await asyncio.sleep(seconds)

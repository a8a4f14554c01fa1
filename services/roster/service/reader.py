"""Runs the reading process and hands on what it says, batch by batch."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from services.roster.domain.contacts import Surroundings

SILENT_SECONDS = 120
LINE_BYTES = 64 * 1024 * 1024


class ReadingFailedError(Exception):
    """The reading process ended early or said nothing for too long; the file is too much for its limits."""


@asynccontextmanager
async def reading(path: Path, school: Surroundings) -> AsyncIterator[AsyncIterator[bytes]]:
    """The lines of the reading process; it is killed when the block ends. Lines raise ReadingFailedError."""
    about = json.dumps({"country": school.country, "phone": school.phone, "email": school.email})
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.roster.service.spreadsheet",
        str(path),
        about,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        limit=LINE_BYTES,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    try:
        yield _lines(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _lines(process: asyncio.subprocess.Process) -> AsyncIterator[bytes]:
    assert process.stdout is not None
    while True:
        try:
            async with asyncio.timeout(SILENT_SECONDS):
                line = await process.stdout.readline()
        except (TimeoutError, ValueError):
            raise ReadingFailedError from None
        if not line:
            break
        yield line
    if await process.wait() != 0:
        raise ReadingFailedError

"""Runner of the process that reads a file."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path

from services.roster.domain.people import SchoolContactContext

SILENT_SECONDS = 120
LINE_BYTES = 64 * 1024 * 1024


class ReadingFailedError(Exception):
    """The process ended early or wrote nothing for SILENT_SECONDS: the file exceeds its limits."""


@asynccontextmanager
async def read_lines(path: Path, school: SchoolContactContext) -> AsyncIterator[AsyncIterator[bytes]]:
    """Yield the lines that the process writes; it is killed when the block ends.

    Iterating raises ReadingFailedError if the process fails.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.roster.spreadsheet",
        str(path),
        json.dumps(asdict(school)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        limit=LINE_BYTES,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    try:
        yield _iterate_lines(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _iterate_lines(process: asyncio.subprocess.Process) -> AsyncIterator[bytes]:
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

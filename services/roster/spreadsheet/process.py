"""Runner of the process that reads a file."""

from __future__ import annotations

import asyncio
import functools
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path

from services.roster.domain.people import SchoolContactContext
from shared.runtime.observability import get_logger

SILENT_SECONDS = 120
LINE_BYTES = 64 * 1024 * 1024
# A Python that is not installed in the system's folders may need it to start.
_INHERITED_VARIABLES = ("LD_LIBRARY_PATH",)
log = get_logger("roster.imports")


class ReadingFailedError(Exception):
    """The process ended early or wrote nothing for SILENT_SECONDS: the file exceeds its limits."""


def reader_environment() -> dict[str, str]:
    """Return the whole environment of the process: how it finds its code, and no setting or secret of the worker."""
    inherited = {name: os.environ[name] for name in _INHERITED_VARIABLES if name in os.environ}
    return {
        **inherited,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUTF8": "1",
    }


@asynccontextmanager
async def read_lines(path: Path, school: SchoolContactContext) -> AsyncIterator[AsyncIterator[bytes]]:
    """Yield the lines that the process writes; it is killed when the block ends.

    Iterating raises ReadingFailedError if the process fails.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",  # nothing is imported from the folder in which the worker was started
        "-m",
        "services.roster.spreadsheet",
        str(path),
        json.dumps(asdict(school)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        limit=LINE_BYTES,
        env=reader_environment(),
    )
    try:
        yield _iterate_lines(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _iterate_lines(process: asyncio.subprocess.Process) -> AsyncIterator[bytes]:
    assert process.stdout is not None
    first = True
    while True:
        try:
            async with asyncio.timeout(SILENT_SECONDS):
                line = await process.stdout.readline()
        except (TimeoutError, ValueError):
            raise ReadingFailedError from None
        if not line:
            break
        if first:
            first = False
            if not_isolated := json.loads(line)["not_isolated"]:
                _warn_once(tuple(not_isolated))
            continue
        yield line
    if await process.wait() != 0:
        raise ReadingFailedError


@functools.cache
def _warn_once(not_isolated: tuple[str, ...]) -> None:
    """Log once per process what the system does not offer."""
    log.warning("reader.not_isolated", missing=list(not_isolated))

"""Log files of the supervised processes."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import IO

MAX_LOG_BYTES = 10_000_000


def open_log(path: Path) -> IO[bytes]:
    """Open a log for appending. A new file is readable by its owner only."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")


def read_log(path: Path, start: int, max_bytes: int = 100_000) -> str:
    """Return at most `max_bytes` of a log from byte `start` on."""
    with path.open("rb") as file:
        file.seek(start)
        return file.read(max_bytes).decode(errors="replace")


def rotate_logs(folder: Path) -> None:
    """Move the content of each log above MAX_LOG_BYTES to `<name>.log.1`, replacing an older one.

    The file is copied and truncated, not renamed, because the writing processes keep it open in append mode.
    """
    for log in folder.glob("*.log"):
        if log.stat().st_size > MAX_LOG_BYTES:
            previous = log.with_suffix(".log.1")
            shutil.copyfile(log, previous)
            previous.chmod(0o600)
            os.truncate(log, 0)

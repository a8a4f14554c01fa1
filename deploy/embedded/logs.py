"""Keeps the logs small: a file that has grown too large becomes `.1`, and that one is forgotten."""

import os
import shutil
from pathlib import Path

LARGEST_LOG_BYTES = 10_000_000


def rotate(folder: Path) -> None:
    """Copy and empty, because the processes that write keep their files open (in append mode)."""
    for log in folder.glob("*.log"):
        if log.stat().st_size > LARGEST_LOG_BYTES:
            older = log.with_suffix(".log.1")
            shutil.copyfile(log, older)
            older.chmod(0o600)
            os.truncate(log, 0)

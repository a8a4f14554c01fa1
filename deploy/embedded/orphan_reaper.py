"""Reaper of orphaned child processes, for systems whose kernel cannot end children with their parent (not Linux).

The reaper is a process of its own that reads from a pipe. The supervisor writes its children and the signal for each
as one JSON line whenever they change. The pipe closes when the supervisor ends, for whatever reason; the reaper then
sends the signals of the last line.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO


class OrphanReaper:
    """Supervisor's end of the pipe. `process` is the reaper, which reads from the pipe."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "deploy.embedded.orphan_reaper"],
            stdin=subprocess.PIPE,
            text=True,
            start_new_session=True,
            cwd=Path(__file__).parents[2],
        )

    def set_children(self, signals: Mapping[int, int]) -> None:
        """Replace the processes to end: process id -> signal number."""
        assert self.process.stdin is not None
        line = json.dumps({str(pid): number for pid, number in signals.items()}) + "\n"
        with suppress(OSError):
            self.process.stdin.write(line)
            self.process.stdin.flush()

    def close(self) -> None:
        """End the reaper without a signal to any process."""
        self.set_children({})
        self.process.communicate()


def read_children(pipe: IO[str]) -> dict[int, int]:
    """Read until the pipe is closed and return the last line as process id -> signal number."""
    line = "{}"
    for line in pipe:  # noqa: B007 - only the last line counts
        pass
    return {int(pid): number for pid, number in json.loads(line).items()}


def main() -> None:
    """Wait for the end of the supervisor, then send the signals."""
    for pid, number in read_children(sys.stdin).items():
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


if __name__ == "__main__":
    main()

"""Where the kernel cannot end children with their parent (anything but Linux), a small process of ours does.

The supervisor writes to its pipe, as one line, which processes are to get which signal. The pipe ends when the
supervisor does, however that happened; then those of the last line get theirs.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO


class Guard:
    """The supervisor's end of the pipe. Closed without wards, it harms nobody."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "deploy.embedded.guard"],
            stdin=subprocess.PIPE,
            text=True,
            start_new_session=True,
            cwd=Path(__file__).parents[2],
        )

    def tell(self, wards: Mapping[int, int]) -> None:
        """These processes, and no others, are to get these signals."""
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.write(
                json.dumps({str(number): death for number, death in wards.items()}) + "\n"
            )
            self._process.stdin.flush()

    def close(self) -> None:
        self.tell({})
        self._process.communicate()


def watch(pipe: IO[str]) -> dict[int, int]:
    """Read until the supervisor is gone; the last processes and their signals."""
    line = "{}"
    for line in pipe:  # noqa: B007 - the last one counts
        pass
    return {int(number): death for number, death in json.loads(line).items()}


def main() -> None:
    for number, death in watch(sys.stdin).items():
        with suppress(ProcessLookupError, PermissionError):
            os.kill(number, death)


if __name__ == "__main__":
    main()

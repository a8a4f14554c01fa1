"""`make test`: fetch what the tests need beyond Python packages, then run every test within a time limit."""

import contextlib
import os
import signal
import sys
import time

import psutil

from tests.support.equipment import get_all

_LIMIT_SECONDS = 60 * 60
_GRACE_SECONDS = 30
_MOST_WORKERS = 4


def main() -> int:
    """Run pytest with the given arguments and return its exit status, or 124 when the time limit was reached."""
    # A program started in the background of a script ignores Ctrl-C, and so would everything that the tests start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    began = time.monotonic()
    get_all()
    workers = min(_MOST_WORKERS, max(2, os.cpu_count() or 2))
    command = [sys.executable, "-m", "pytest", "-n", str(workers), *sys.argv[1:]]
    left = _LIMIT_SECONDS - (time.monotonic() - began)
    running = psutil.Popen(command)
    try:
        return int(running.wait(left))
    except psutil.TimeoutExpired:
        sys.stderr.write(f"tests: ended after {_LIMIT_SECONDS / 60:.0f} minutes\n")
        _end(running)
        return 124
    except KeyboardInterrupt:
        _end(running)
        return 130


def _end(running: psutil.Popen) -> None:
    """Interrupt pytest, which closes its fixtures and prints a summary; then kill what is left."""
    family = running.children(recursive=True)
    running.send_signal(signal.SIGINT)
    try:
        running.wait(_GRACE_SECONDS)
    except psutil.TimeoutExpired:
        running.kill()
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


if __name__ == "__main__":
    sys.exit(main())

"""`make test`: get what the tests use beyond Python packages, then run every test within a time limit."""

import os
import subprocess
import sys
import time

from tests.support.equipment import get_all

_LIMIT_SECONDS = 24.5 * 60
_MOST_WORKERS = 4


def main() -> int:
    """The exit status of pytest, whose arguments may be given too; 124 when the time limit was reached."""
    began = time.monotonic()
    get_all()
    workers = min(_MOST_WORKERS, max(2, os.cpu_count() or 2))
    command = [sys.executable, "-m", "pytest", "-n", str(workers), "--dist", "loadgroup", *sys.argv[1:]]
    left = _LIMIT_SECONDS - (time.monotonic() - began)
    try:
        return subprocess.run(command, check=False, timeout=left).returncode
    except subprocess.TimeoutExpired:
        sys.stderr.write(f"tests: ended after {_LIMIT_SECONDS / 60:.0f} minutes\n")
        return 124
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())

"""Installation of a peer's packages into the cache, as its lock file names them."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bench.unavailable import Unavailable
from tests.support.equipment import OFFLINE
from tests.support.locks import CACHE, locked

_SECONDS = 400


def installed(name: str, lock: Path, install: Callable[[Path], None]) -> Path:
    """Return the folder of `.cache/bench` that `install` filled from `lock`; there is one for each lock and Python.

    Raises Unavailable if the installation fails.
    """
    home = CACHE / "bench" / name
    wanted = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()
    marker = home / "installed"
    with locked(home):
        if not marker.exists() or marker.read_text() != wanted:
            if os.environ.get(OFFLINE):
                raise Unavailable(f"{name} is not installed in {home}, and {OFFLINE} is set")
            install(home)
            marker.write_text(wanted)
    return home


def run(
    command: Sequence[str], *, folder: Path | None = None, environment: Mapping[str, str] | None = None
) -> str:
    """Run a command and return its output. Raises Unavailable with the last line of its errors if it fails."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            check=True,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.CalledProcessError as error:
        lines = (error.stderr or error.stdout or "").strip().splitlines()
        raise Unavailable(
            f"{' '.join(command[:3])} failed: {lines[-1] if lines else error.returncode}"
        ) from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{' '.join(command[:3])} failed: {error}") from None
    return done.stdout

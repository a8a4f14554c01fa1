"""Servers that tests run against, none of which outlives the test run."""

import contextlib
import ctypes
import itertools
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

_PR_SET_PDEATHSIG = 1
_STOP_SECONDS = 20.0
# Below the ephemeral ports of clients; each worker of a test run has a range of its own.
_FIRST_PORT, _PORTS = 20_000, 2_500
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_OFFSETS = itertools.count(random.randrange(_PORTS))


class StartFailed(Exception):
    """A server did not come up; the message ends with the last lines of its log."""


def free_port() -> int:
    """Return a TCP port that was free on 127.0.0.1 a moment ago, and that no client and no other worker gets by
    chance.
    """
    while True:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", _FIRST_PORT + _WORKER % 4 * _PORTS + next(_OFFSETS) % _PORTS))
            return int(probe.getsockname()[1])


def java() -> Path | None:
    """Return the Java launcher of JAVA_HOME, or else of PATH."""
    home = os.environ.get("JAVA_HOME")
    if home and (Path(home) / "bin" / "java").exists():
        return Path(home) / "bin" / "java"
    path = shutil.which("java")
    return Path(path) if path else None


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Server:
    """One server process with a log file; killed by the kernel when the test process dies (Linux)."""

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        *,
        environment: Mapping[str, str] | None = None,
        before_exec: Callable[[], None] | None = None,
    ) -> None:
        self.log = log
        # The kernel's parent is the thread, so a process started by another thread would die with that thread.
        bound = threading.current_thread() is threading.main_thread()

        def prepare() -> None:
            if before_exec is not None:
                before_exec()
            if bound:
                _die_with_parent()

        with log.open("ab") as sink:
            self._process = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
                preexec_fn=prepare,  # noqa: PLW1509 (it makes system calls only, and takes no lock)
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Return the process id, which is also that of its process group."""
        return self._process.pid

    def runs(self) -> bool:
        """Return whether the process has not ended."""
        return self._process.poll() is None

    def wait_until(self, ready: Callable[[], bool], *, seconds: float) -> None:
        """Poll `ready` until it holds. Raises StartFailed if the process ends or time is up first."""
        deadline = time.monotonic() + seconds
        while not ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise StartFailed(f"{self._process.args!r} did not come up\n{self.last_lines()}")
            time.sleep(0.02)

    def last_lines(self, count: int = 30) -> str:
        """Return the end of the log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:])

    def stop(self, with_signal: signal.Signals = signal.SIGTERM) -> None:
        """Send the signal, and kill the whole group if it has not ended after 20 s."""
        if self._process.poll() is None:
            self._process.send_signal(with_signal)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_STOP_SECONDS)
        self.kill()

    def kill(self) -> None:
        """Kill the process and all its descendants, and wait until they have ended."""
        family = []
        with contextlib.suppress(psutil.NoSuchProcess):
            top = psutil.Process(self._process.pid)
            family = [top, *top.children(recursive=True)]
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self._process.wait()
        deadline = time.monotonic() + _STOP_SECONDS
        while any(_runs(process) for process in family) and time.monotonic() < deadline:
            time.sleep(0.01)


def _runs(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def listens(port: int) -> bool:
    """Return whether something accepts connections on 127.0.0.1:port."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0

"""One process of the stack."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import httpx

from tests.support.processes import Server

READY_SECONDS = 600.0


class Part:
    """A program on a port that stays the same, however often it is killed and started.

    `ready_path` answers 200 once it is ready. Its log is appended to at every start.
    """

    def __init__(
        self,
        name: str,
        port: int,
        command: Sequence[str],
        log: Path,
        *,
        environment: Mapping[str, str],
        ready_path: str = "/readyz",
    ) -> None:
        self.name = name
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.log = log
        self._command = command
        self._environment = environment
        self._ready_path = ready_path
        self._server: Server | None = None
        self._paused = False

    @property
    def pid(self) -> int:
        """Return the pid of the current process. Raises RuntimeError if none was started."""
        return self._started().pid

    def start(self) -> None:
        """Start the process, which is not ready yet."""
        self._server = Server(self._command, self.log, environment=self._environment)
        self._paused = False

    def wait_ready(self) -> None:
        """Wait until it is ready. Raises StartFailed if it ends, or after ten minutes."""
        self._started().wait_until(self.is_ready, seconds=READY_SECONDS)

    def is_ready(self) -> bool:
        """Return whether it reports to be ready now."""
        return self._answers(self._ready_path, lambda status: status == 200)

    def is_up(self) -> bool:
        """Return whether it answers at all."""
        return self._answers(self._ready_path, lambda _: True)

    def runs(self) -> bool:
        """Return whether the process has not ended; one that is paused has not."""
        return self._server is not None and self._server.runs()

    def kill(self) -> None:
        """Kill the process with SIGKILL."""
        self._started().kill()
        self._paused = False

    def stop(self) -> None:
        """Stop the process with SIGTERM, as an orderly restart does; kill it if that takes over 20 s."""
        if self._paused:
            self.resume()
        self._started().stop()

    def terminate(self) -> None:
        """Send SIGTERM without waiting."""
        self._signal(signal.SIGTERM)

    def pause(self) -> None:
        """Stop the process with SIGSTOP, which leaves its connections open; do nothing if it has ended."""
        self._paused = self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Continue the process with SIGCONT."""
        self._signal(signal.SIGCONT)
        self._paused = False

    def _signal(self, number: signal.Signals) -> bool:
        """Send a signal and return whether there was a process to send it to."""
        if not self.runs():
            return False
        os.kill(self.pid, number)  # no other process can get its pid before `runs` has reaped it
        return True

    def _started(self) -> Server:
        if self._server is None:
            raise RuntimeError(f"{self.name} was not started")
        return self._server

    def _answers(self, path: str, fits: Callable[[int], bool]) -> bool:
        try:
            return fits(httpx.get(f"{self.url}{path}", timeout=5).status_code)
        except httpx.TransportError:
            return False

"""The server as the supervisor sees it: start it with its settings, wait until it is ready, notice when it is stuck."""

import asyncio
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

from deploy.embedded.failure import CannotRun, WrongSettings
from deploy.embedded.probe import status_of
from deploy.embedded.processes import Child

ROOT = Path(__file__).parents[2]
READY_WITHIN_SECONDS = 90.0
STUCK_AFTER_SECONDS = 60.0
STOP_WITHIN_SECONDS = 2.5
PROBE_SECONDS = 0.15
EXIT_CONFIGURATION = 78


class ServerProcess:
    """Runs `deploy.embedded.server` on the socket that the supervisor holds."""

    def __init__(self, listener: socket.socket, data: Path, log: Path) -> None:
        self.child = Child("server", log)
        self._listener = listener
        self._data = data
        host, self._port = listener.getsockname()[:2]
        self._host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)

    async def start(self, environment: Mapping[str, str]) -> None:
        descriptor = self._listener.fileno()
        arguments = [sys.executable, "-m", "deploy.embedded.server", str(descriptor), str(self._data)]
        await self.child.start(
            arguments, environment={**os.environ, **environment}, pass_fds=(descriptor,), cwd=ROOT
        )

    async def ready(self) -> None:
        """Returns when every service is ready. Raises CannotRun, with the server's own words if it had any."""
        deadline = asyncio.get_running_loop().time() + READY_WITHIN_SECONDS
        while asyncio.get_running_loop().time() < deadline:
            if await self._ready_or_ended():
                return
            await asyncio.sleep(PROBE_SECONDS)
        await self.child.stop(STOP_WITHIN_SECONDS)
        raise CannotRun(
            f"The services were not ready within {READY_WITHIN_SECONDS:.0f} seconds: see {self.child.log}"
        )

    async def stop(self, within_seconds: float = STOP_WITHIN_SECONDS) -> None:
        """End it in order, or by force when that takes too long: then mails taken over but not recorded go twice."""
        await self.child.stop(within_seconds)

    async def stuck(self) -> None:
        """Returns when the server has not answered that it is well for a whole minute."""
        loop = asyncio.get_running_loop()
        well_at = loop.time()
        while loop.time() - well_at < STUCK_AFTER_SECONDS:
            await asyncio.sleep(STUCK_AFTER_SECONDS / 12)
            if await self._probe("/healthz", STUCK_AFTER_SECONDS / 4) == 200:
                well_at = loop.time()

    async def _ready_or_ended(self) -> bool:
        """True when ready. A probe that waits in the socket's queue must not outlast a server that has ended."""
        probe = asyncio.create_task(self._probe("/readyz", 5))
        ended = asyncio.create_task(self.child.wait())
        await asyncio.wait((probe, ended), return_when=asyncio.FIRST_COMPLETED)
        finished = ended.done()
        for task in (probe, ended):
            task.cancel()
        await asyncio.gather(probe, ended, return_exceptions=True)
        if finished:
            raise self._last_words()
        return not probe.cancelled() and probe.result() == 200

    async def _probe(self, path: str, timeout_seconds: float) -> int | None:
        return await status_of(self._host, self._port, path, timeout_seconds=timeout_seconds)

    def _last_words(self) -> CannotRun:
        process = self.child.process
        if process is not None and process.returncode == EXIT_CONFIGURATION:
            lines = self.child.log.read_text(errors="replace").strip().splitlines()
            told = f": {lines[-1].rstrip('.')}." if lines else "."
            return WrongSettings(f"The services cannot start{told}")
        return CannotRun(f"The server ended while it was starting: see {self.child.log}")

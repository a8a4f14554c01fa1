"""Kinvite whole on this machine, as `make up` starts it, for tests that watch it and kill it."""

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
READY_WITHIN_SECONDS = 120.0


@dataclass
class Whole:
    """One run. `data` and `port` stay for the next one."""

    data: Path
    port: int
    process: asyncio.subprocess.Process

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def credentials(self) -> dict[str, str]:
        read: dict[str, str] = json.loads((self.data / "credentials.json").read_text())
        return read

    async def ready(self) -> str:
        """The one line on standard output; empty when it ended instead."""
        assert self.process.stdout is not None
        line = await asyncio.wait_for(self.process.stdout.readline(), READY_WITHIN_SECONDS)
        return line.decode()

    @asynccontextmanager
    async def client(self) -> AsyncIterator[httpx.AsyncClient]:
        headers = {"Authorization": f"Bearer {self.credentials['api_token']}"}
        async with httpx.AsyncClient(base_url=self.url, headers=headers, timeout=30) as made:
            yield made

    async def get(self, path: str) -> Any:
        async with self.client() as client:
            return (await client.get(path)).json()

    def part(self, name: str) -> psutil.Process:
        return psutil.Process(self.number(name))

    def number(self, name: str) -> int:
        noted = json.loads((self.data / "run.json").read_text())
        return int(noted[name]["pid"])

    async def kill_everything(self) -> None:
        """SIGKILL to the whole tree, the supervisor first, so that nothing can tidy up."""
        family = [
            psutil.Process(self.process.pid),
            *psutil.Process(self.process.pid).children(recursive=True),
        ]
        for member in family:
            with suppress(psutil.NoSuchProcess):
                member.kill()
        await self.process.wait()
        await asyncio.to_thread(psutil.wait_procs, family, timeout=10)

    async def stop(self) -> int:
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGINT)
        return await asyncio.wait_for(self.process.wait(), 60)


async def start(data: Path, port: int = 0, **environment: str) -> Whole:
    """Start it; not yet ready."""
    port = port or free_port()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "deploy.embedded"),
        cwd=ROOT,
        env={**os.environ, "KINVITE_DATA": str(data), "KINVITE_PORT": str(port), **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    return Whole(data, port, process)


@asynccontextmanager
async def running(data: Path, port: int = 0) -> AsyncIterator[Whole]:
    """A run that is ready; it is gone after the block."""
    whole = await start(data, port)
    try:
        line = await whole.ready()
        assert line.startswith(f"Kinvite is ready at {whole.url}  sign in: "), line
        yield whole
    finally:
        if whole.process.returncode is None:
            await whole.kill_everything()

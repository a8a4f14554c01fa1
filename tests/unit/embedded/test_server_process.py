"""Unit tests of the server process's readiness: it waits for the services and not for the file that depends on it."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from deploy.embedded.errors import CannotRun, WrongSettings
from deploy.embedded.server_process import EXIT_CONFIGURATION, SERVICES, ServerProcess

ALL_READY = {f"/{service}/readyz": 200 for service in SERVICES}


@asynccontextmanager
async def _serving(statuses: Mapping[str, int]) -> AsyncIterator[socket.socket]:
    """Serve fixed statuses by path on a new listening socket; 503 for all other paths."""

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readline()).split()[1].decode()
        writer.write(f"HTTP/1.1 {statuses.get(path, 503)} x\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = await asyncio.start_server(respond, sock=listener)
        async with server:
            yield listener


async def _start_child(process: ServerProcess, code: str) -> None:
    await process.child.start([sys.executable, "-c", code], environment={})


async def test_it_is_ready_while_readyz_waits_for_the_credentials_file(tmp_path: Path) -> None:
    async with _serving(ALL_READY) as listener:
        process = ServerProcess(listener, tmp_path, tmp_path / "server.log")
        await _start_child(process, "import signal; signal.pause()")
        async with asyncio.timeout(20):
            await process.wait_until_ready()
        await process.stop()


async def test_it_is_not_ready_while_one_service_is_not(tmp_path: Path) -> None:
    async with _serving({**ALL_READY, "/dashboard/readyz": 503, "/readyz": 200}) as listener:
        process = ServerProcess(listener, tmp_path, tmp_path / "server.log")
        await _start_child(process, "import signal; signal.pause()")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await process.wait_until_ready()
        await process.stop()


@pytest.mark.parametrize(
    ("code", "error", "message"),
    [
        ("raise SystemExit(1)", CannotRun, "ended while it was starting"),
        (
            f"print('X is missing.'); raise SystemExit({EXIT_CONFIGURATION})",
            WrongSettings,
            "The services cannot start: X is missing.",
        ),
    ],
)
async def test_a_server_that_ends_is_reported(
    tmp_path: Path, code: str, error: type[CannotRun], message: str
) -> None:
    async with _serving({}) as listener:
        process = ServerProcess(listener, tmp_path, tmp_path / "server.log")
        await _start_child(process, code)
        with pytest.raises(error, match=message):
            await process.wait_until_ready()

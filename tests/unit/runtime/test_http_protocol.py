"""A request's line and headers have a limit; what follows them has one of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse

from shared.runtime.web.http_protocol import MAX_HEAD_BYTES, BoundedHttpProtocol
from shared.runtime.web.server import KEEP_ALIVE_SECONDS
from tests.support.processes import free_port
from tests.support.serving import serving

_START = b"POST / HTTP/1.1\r\nHost: kinvite.test\r\n"


async def _count(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(len(await request.body())))


def _counting() -> FastAPI:
    app = FastAPI()
    app.state.revocations = None
    app.add_api_route("/", _count, methods=["POST"])
    return app


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """Of a server that answers with the size of each body."""
    number = free_port()
    async with serving(_counting(), number):
        yield number


async def test_an_idle_connection_is_given_up_by_its_client_first() -> None:
    """What stands before the services keeps connections for up to 90 s."""
    port = free_port()
    async with serving(_counting(), port) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(_START + b"Content-Length: 1\r\n\r\nx")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        (connection,) = cast(set[BoundedHttpProtocol], server.server_state.connections)
        assert connection.timeout_keep_alive_task is not None
        left = connection.timeout_keep_alive_task.when() - asyncio.get_running_loop().time()
        assert 90 < KEEP_ALIVE_SECONDS - 10 < left <= KEEP_ALIVE_SECONDS
        writer.close()


async def test_a_head_that_never_ends_is_refused(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(_START + b"X-Long: " + b"x" * (MAX_HEAD_BYTES + 1))
    assert (await reader.read()).startswith(b"HTTP/1.1 400")
    writer.close()


async def test_a_long_body_behind_a_head_is_none_of_it(port: int) -> None:
    """Two requests on one connection, so that the second head begins behind a body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    size = 4 * MAX_HEAD_BYTES
    for _ in range(2):
        writer.write(_START + b"Content-Length: %d\r\n\r\n" % size + b"x" * size)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        assert await reader.readexactly(len(str(size))) == str(size).encode()
    writer.close()


async def test_a_head_in_many_pieces_is_read(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for piece in (_START[:7], _START[7:], b"X-Long: " + b"x" * (MAX_HEAD_BYTES // 2), b"\r\n\r\n"):
        writer.write(piece)
        await writer.drain()
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
    writer.close()

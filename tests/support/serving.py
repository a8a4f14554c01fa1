"""An app on a port of its own, served as in production: what a client without sockets cannot show, such as streams."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from shared.runtime.web.server import Server, server_config
from tests.support.apps import suppose_nothing_revoked
from tests.support.waiting import eventually


@asynccontextmanager
async def serving(app: FastAPI, port: int) -> AsyncIterator[Server]:
    """The server, up; it ends with the block, and waits for open requests as long as they like."""
    suppose_nothing_revoked(app)
    server = Server(server_config(app, port=port))
    running = asyncio.create_task(server.serve())
    await eventually(lambda: server.started or running.done(), within_seconds=30)
    try:
        yield server
    finally:
        server.should_exit = True
        await running

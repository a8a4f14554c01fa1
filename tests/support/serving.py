"""An app on a port of its own, served as in production, for what a client without sockets cannot test, such as
streams.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from shared.runtime.web.server import Server, server_config
from tests.support.apps import assume_nothing_revoked
from tests.support.waiting import eventually


@asynccontextmanager
async def serving(app: FastAPI, port: int) -> AsyncIterator[Server]:
    """Serve the app for the length of the block, and then until open requests have ended."""
    assume_nothing_revoked(app)
    server = Server(server_config(app, port=port))
    running = asyncio.create_task(server.serve())
    await eventually(lambda: server.started or running.done(), within_seconds=30)
    try:
        yield server
    finally:
        server.should_exit = True
        await running

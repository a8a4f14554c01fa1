"""Uvicorn that announces its shutdown: a stream that is open for hours would otherwise delay it."""

from __future__ import annotations

import asyncio
import gc
import socket
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Scope

from shared.runtime.web.http_protocol import BoundedHttpProtocol

# Whoever keeps connections has to be the first to give an idle one up: a request that meets a connection which is just
# being closed gets no answer. Traefik and Caddy keep theirs for 90 s, nginx and Amazon's balancers for 60.
KEEP_ALIVE_SECONDS = 120
_CLOSING = "closing"
# Of 700, the default, a batch of messages makes dozens of collections that find nothing: what it holds is in use.
_NEW_OBJECTS = 20_000


def server_config(app: ASGIApp, **options: Any) -> uvicorn.Config:
    """Return the configuration of every server; `options` are uvicorn's own."""
    return uvicorn.Config(
        app,
        http=BoundedHttpProtocol,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        log_config=None,
        access_log=False,
        server_header=False,
        **options,
    )


class Server(uvicorn.Server):
    """Server that notifies every open request of its shutdown, then waits for them as uvicorn does."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, with the shutdown event in the state of every request."""
        self.lifespan.state[_CLOSING] = asyncio.Event()
        await super().startup(sockets)
        tune_gc()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Set the shutdown event, then shut down."""
        self.lifespan.state[_CLOSING].set()
        await super().shutdown(sockets)


def shutdown_event(scope: Scope) -> asyncio.Event:
    """Return the event that is set when the server of this request shuts down.

    Another kind of server never sets it.
    """
    event = scope.get("state", {}).get(_CLOSING)
    return event if isinstance(event, asyncio.Event) else asyncio.Event()


def tune_gc() -> None:
    """Exclude all that exists from garbage collection, and collect young objects less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, 20, 20)

"""Uvicorn that says when it ends: a stream that is open for hours would otherwise hold the shutdown up."""

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
    """How every app is served; `options` are uvicorn's own."""
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
    """Tells every open request that the server is about to end, then waits for them as uvicorn does."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Every request's scope carries the event."""
        self.lifespan.state[_CLOSING] = asyncio.Event()
        await super().startup(sockets)
        tune_gc()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """The event comes first."""
        self.lifespan.state[_CLOSING].set()
        await super().shutdown(sockets)


def shutdown_event(scope: Scope) -> asyncio.Event:
    """Set when the server that took this request ends; never, on a server that does not say."""
    event = scope.get("state", {}).get(_CLOSING)
    return event if isinstance(event, asyncio.Event) else asyncio.Event()


def tune_gc() -> None:
    """What was imported and put together stays for good and is looked at no more; what is young, less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, 20, 20)

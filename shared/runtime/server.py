"""Uvicorn that says when it ends: a stream that is open for hours would otherwise hold the shutdown up."""

from __future__ import annotations

import asyncio
import gc
import socket

import uvicorn
from starlette.types import Scope

_CLOSING = "closing"
# Of 700, the default, a batch of messages makes dozens of collections that find nothing: what it holds is in use.
_NEW_OBJECTS = 20_000


class Server(uvicorn.Server):
    """Tells every open request that the server is about to end, then waits for them as uvicorn does."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Every request's scope carries the event."""
        self.lifespan.state[_CLOSING] = asyncio.Event()
        await super().startup(sockets)
        spare_the_collector()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """The event comes first."""
        self.lifespan.state[_CLOSING].set()
        await super().shutdown(sockets)


def closing_of(scope: Scope) -> asyncio.Event:
    """Set when the server that took this request ends; never, on a server that does not say."""
    event = scope.get("state", {}).get(_CLOSING)
    return event if isinstance(event, asyncio.Event) else asyncio.Event()


def spare_the_collector() -> None:
    """What was imported and put together stays for good and is looked at no more; what is young, less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, 20, 20)

"""GET …/stream: server-sent events, so that an open page shows what has changed without being asked for again."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from services.dashboard.domain.changes import Changes
from services.dashboard.http.context import WithContext, get_school, watcher
from services.dashboard.service.live import TooManyWatchers, Watch, Watches
from shared.runtime.core import is_transient
from shared.runtime.web import Problem, shutdown_event

router = APIRouter(prefix="/dashboard/v1/schools/{school_id}", tags=["status view"])
HEARTBEAT_SECONDS = 15.0
PACE_SECONDS = 0.05
HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
    (b"x-content-type-options", b"nosniff"),
]
EXAMPLE = (
    'event: parents\ndata: {"parents": [{"parent_id": "0198…", "status": "signed_up", "delivery": null}]}\n\n'
)


@router.get(
    "/stream",
    summary="Which rows change, as it happens (server-sent events)",
    response_class=Response,
    responses={200: {"content": {"text/event-stream": {"example": EXAMPLE}}}},
)
async def stream(request: Request, context: WithContext, school_id: UUID) -> Response:
    """`parents` names the rows that changed, with status and delivery (status null: no longer listed).

    `reload` stands first on every connection, and wherever too much has changed to be named: fetch again what you
    show. So a client that reconnects misses nothing, and needs no Last-Event-ID.
    """
    holder = await watcher(request, school_id)
    async with context.database.transaction(schools=[school_id]) as tx:
        await get_school(tx, school_id)

    async def allowed() -> bool:
        try:
            return await watcher(request, school_id) == holder
        except Problem:
            return False
        except Exception as error:
            if is_transient(error):
                return False  # the client asks again, and hears then whether it still may
            raise

    return EventStream(context.watches, school_id, holder, allowed)


class EventStream(Response):
    """Holds no database connection. Ends when the client goes, the server closes or the right to watch is over."""

    def __init__(
        self, watches: Watches, school_id: UUID, holder: str, allowed: Callable[[], Awaitable[bool]]
    ) -> None:
        super().__init__()
        self._watches, self._school_id, self._holder = watches, school_id, holder
        self._allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            with self._watches.watching(self._school_id, self._holder) as watch:
                await self._until_over(watch, scope, receive, send)
        except TooManyWatchers:
            problem = Problem(
                429,
                "too_many_streams",
                "Close another page of the office first.",
                headers={"Retry-After": "15"},
            )
            await problem.response()(scope, receive, send)

    async def _until_over(self, watch: Watch, scope: Scope, receive: Receive, send: Send) -> None:
        speaking = asyncio.create_task(self._speak(watch, send))
        ends = (
            speaking,
            asyncio.create_task(_gone(receive)),
            asyncio.create_task(shutdown_event(scope).wait()),
        )
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in ends:
                task.cancel()
            await asyncio.gather(*ends, return_exceptions=True)
        if not speaking.cancelled():
            speaking.result()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _speak(self, watch: Watch, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        await send({"type": "http.response.body", "body": b"retry: 1000\n\n", "more_body": True})
        asked_at = time.monotonic()
        while True:
            changes, doubted = await watch.news(HEARTBEAT_SECONDS)
            if doubted or time.monotonic() - asked_at >= HEARTBEAT_SECONDS:
                if not await self._allowed():
                    return
                asked_at = time.monotonic()
            await send({"type": "http.response.body", "body": event(changes), "more_body": True})
            await asyncio.sleep(PACE_SECONDS)  # what comes meanwhile comes as one


def event(changes: Changes) -> bytes:
    """One event; a comment where nothing has changed, so that everybody on the way sees the stream alive."""
    if changes.everything:
        return b"event: reload\ndata: {}\n\n"
    if not changes.parents:
        return b": still here\n\n"
    rows = [
        {"parent_id": str(parent_id), "status": standing.status, "delivery": standing.delivery}
        for parent_id, standing in changes.parents.items()
    ]
    return f"event: parents\ndata: {json.dumps({'parents': rows})}\n\n".encode()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass

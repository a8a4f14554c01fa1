"""GET …/stream: server-sent events that inform an open page which rows have changed."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from services.dashboard.domain.live_changes import Changes
from services.dashboard.http.context import AppContext, get_school, get_stream_holder
from services.dashboard.use_cases.live_updates import (
    LiveUpdateSubscription,
    LiveUpdateSubscriptions,
    TooManySubscriptions,
)
from shared.runtime.core import is_transient
from shared.runtime.web import Problem, shutdown_event

router = APIRouter(prefix="/dashboard/v1/schools/{school_id}", tags=["status view"])
HEARTBEAT_SECONDS = 15.0
MIN_INTERVAL_SECONDS = 0.05
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
async def stream(request: Request, context: AppContext, school_id: UUID) -> Response:
    """`parents` names the rows that changed, with status and delivery (status null: no longer listed).

    `reload` is the first event of every connection, and is sent whenever too much has changed to be named: fetch
    again what you show. A client that reconnects therefore misses nothing and needs no Last-Event-ID.
    """
    holder = await get_stream_holder(request, school_id)
    async with context.database.transaction(schools=[school_id]) as tx:
        await get_school(tx, school_id)

    async def is_allowed() -> bool:
        try:
            return await get_stream_holder(request, school_id) == holder
        except Problem:
            return False
        except Exception as error:
            if is_transient(error):
                return False  # the client reconnects, and is then admitted or rejected
            raise

    return EventStream(context.live_updates, school_id, holder, is_allowed)


class EventStream(Response):
    """Response that sends the changes of a school until the client leaves, the server stops or permission ends.

    It holds no database connection.
    """

    def __init__(
        self,
        subscriptions: LiveUpdateSubscriptions,
        school_id: UUID,
        holder: str,
        is_allowed: Callable[[], Awaitable[bool]],
    ) -> None:
        super().__init__()
        self._subscriptions, self._school_id, self._holder = subscriptions, school_id, holder
        self._is_allowed = is_allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            with self._subscriptions.subscribe(self._school_id, self._holder) as subscription:
                await self._run(subscription, scope, receive, send)
        except TooManySubscriptions:
            problem = Problem(
                429,
                "too_many_streams",
                "Close another page of the office first.",
                headers={"Retry-After": "15"},
            )
            await problem.response()(scope, receive, send)

    async def _run(
        self, subscription: LiveUpdateSubscription, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Send events until the first of: permission ended, client disconnected, server shutting down."""
        sending = asyncio.create_task(self._send_events(subscription, send))
        tasks = (
            sending,
            asyncio.create_task(_wait_for_disconnect(receive)),
            asyncio.create_task(shutdown_event(scope).wait()),
        )
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if not sending.cancelled():
            sending.result()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_events(self, subscription: LiveUpdateSubscription, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        await send({"type": "http.response.body", "body": b"retry: 1000\n\n", "more_body": True})
        checked_at = time.monotonic()
        while True:
            changes, check_permission = await subscription.wait(HEARTBEAT_SECONDS)
            if check_permission or time.monotonic() - checked_at >= HEARTBEAT_SECONDS:
                if not await self._is_allowed():
                    return
                checked_at = time.monotonic()
            await send({"type": "http.response.body", "body": encode_event(changes), "more_body": True})
            await asyncio.sleep(MIN_INTERVAL_SECONDS)  # later changes are merged into one event


def encode_event(changes: Changes) -> bytes:
    """Return one server-sent event, or a comment if nothing changed, which keeps the connection alive."""
    if changes.everything:
        return b"event: reload\ndata: {}\n\n"
    if not changes.parents:
        return b": still here\n\n"
    rows = [
        {"parent_id": str(parent_id), "status": parent.status, "delivery": parent.delivery}
        for parent_id, parent in changes.parents.items()
    ]
    return f"event: parents\ndata: {json.dumps({'parents': rows})}\n\n".encode()


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass

"""One origin for all services: the first segment of the path chooses the app, and the path stays as it is."""

import asyncio
import json
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deploy.embedded.hosts import LOOPBACK, foreign_host, is_asked_for
from shared.runtime.web import Problem

PREFIXES: Mapping[str, str] = {
    "roster": "roster",
    "invitations": "invitations",
    "notifier": "notifier",
    "dashboard": "dashboard",
    "admin": "dashboard",
    "signup": "signup",
    "verify": "signup",
    "join": "signup",
    "login": "signup",
    "account": "signup",
    "forgot": "signup",
    "mailbox": "mailbox",
}


class Dispatcher:
    """An ASGI app over named apps. Its lifespan opens every app's own, in their order, and closes them in reverse.

    The mailbox answers only to `mailbox_hosts`.
    """

    def __init__(self, apps: Mapping[str, FastAPI], mailbox_hosts: Collection[str] = LOOPBACK) -> None:
        self._apps = dict(apps)
        self._mailbox_hosts = mailbox_hosts
        self._states: dict[str, Mapping[str, Any]] = {}
        self._lifespan = Router(lifespan=lambda _: self._running())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
            return
        name = PREFIXES.get(scope["path"].split("/", 2)[1] if scope["path"].startswith("/") else "")
        if name == "mailbox" and not is_asked_for(scope, self._mailbox_hosts):
            if scope["type"] == "http":
                await foreign_host().response()(scope, receive, send)
        elif name in self._apps:
            await self._apps[name](self._scope_of(name, scope), receive, send)
        elif scope["type"] == "http":
            response = await self._own_answer(scope["path"])
            await response(scope, receive, send)

    def _scope_of(self, name: str, scope: Scope) -> Scope:
        return {**scope, "state": {**scope.get("state", {}), **self._states.get(name, {})}}

    @asynccontextmanager
    async def _running(self) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for name, app in self._apps.items():
                context: AbstractAsyncContextManager[Any] = app.router.lifespan_context(app)
                self._states[name] = await stack.enter_async_context(context) or {}
            yield

    async def _own_answer(self, path: str) -> Response:
        if path == "/":
            return RedirectResponse("/admin")
        if path in ("/healthz", "/readyz"):
            return await self._health(path)
        return Problem(404, "not_found", "There is nothing at this address.").response()

    async def _health(self, path: str) -> Response:
        """200 only when every service says so; its body has each one's own answer."""
        services = [name for name in self._apps if name != "mailbox"]
        answers = await asyncio.gather(
            *(_ask(self._apps[name], self._scope_of(name, {}), path) for name in services)
        )
        well = all(status == 200 for status, _ in answers)
        body = {
            "status": "ok" if well else "not ready",
            "services": dict(zip(services, (b for _, b in answers), strict=True)),
        }
        return JSONResponse(body, 200 if well else 503)


async def _ask(app: ASGIApp, more: Scope, path: str) -> tuple[int, Any]:
    """GET within this process: the status and the JSON body (None when it has none)."""
    status, body = 500, b""

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status, body
        if message["type"] == "http.response.start":
            status = message["status"]
        elif message["type"] == "http.response.body":
            body += message.get("body", b"")

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http",
        "root_path": "",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [],
        "client": ("127.0.0.1", 0),
        "server": ("127.0.0.1", 0),
        **more,
    }
    await app(scope, receive, send)
    try:
        return status, json.loads(body)
    except ValueError:
        return status, None

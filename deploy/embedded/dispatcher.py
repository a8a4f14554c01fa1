"""One origin for all services: the first segment of the path selects the app, and the path is passed on unchanged."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deploy.embedded.allowed_hosts import LOOPBACK, foreign_host_problem, is_allowed
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
    """ASGI app over named apps. Its lifespan enters those of the apps in order and leaves them in reverse order.

    The mailbox answers only to `mailbox_hosts`. With `credentials` the installation is ready only while that file
    exists, so that whoever waits for `/readyz` can read the file afterwards. The supervisor writes it once every
    service is ready, so it must wait for the services themselves (`/<service>/readyz`) and not for `/readyz`.
    """

    def __init__(
        self,
        apps: Mapping[str, FastAPI],
        mailbox_hosts: Collection[str] = LOOPBACK,
        *,
        credentials: Path | None = None,
    ) -> None:
        self._apps = dict(apps)
        self._mailbox_hosts = mailbox_hosts
        self._credentials = credentials
        self._states: dict[str, Mapping[str, Any]] = {}
        self._lifespan_app = Router(lifespan=lambda _: self.lifespan())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan_app(scope, receive, send)
            return
        name = PREFIXES.get(scope["path"].split("/", 2)[1] if scope["path"].startswith("/") else "")
        if name == "mailbox" and not is_allowed(scope, self._mailbox_hosts):
            if scope["type"] == "http":
                await foreign_host_problem().response()(scope, receive, send)
        elif name in self._apps:
            await self._apps[name](self._app_scope(name, scope), receive, send)
        elif scope["type"] == "http":
            response = await self._respond(scope["path"])
            await response(scope, receive, send)

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Run the lifespans of all apps around the block."""
        async with AsyncExitStack() as stack:
            for name, app in self._apps.items():
                context: AbstractAsyncContextManager[Any] = app.router.lifespan_context(app)
                self._states[name] = await stack.enter_async_context(context) or {}
            yield

    def _app_scope(self, name: str, scope: Scope) -> Scope:
        return {**scope, "state": {**scope.get("state", {}), **self._states.get(name, {})}}

    async def _respond(self, path: str) -> Response:
        if path == "/":
            return RedirectResponse("/admin")
        if path in ("/healthz", "/readyz"):
            return await self._report_health(path)
        return Problem(404, "not_found", "There is nothing at this address.").response()

    async def _report_health(self, path: str) -> Response:
        """Return 200 if every service answers `path` with 200 and, for /readyz, the credentials file exists.

        The body holds the answers of the services by name.
        """
        services = [name for name in self._apps if name != "mailbox"]
        answers = await asyncio.gather(
            *(_get_json(self._apps[name], self._app_scope(name, {}), path) for name in services)
        )
        is_healthy = all(status == 200 for status, _ in answers)
        if path == "/readyz" and self._credentials is not None:
            is_healthy = is_healthy and self._credentials.exists()
        body = {
            "status": "ok" if is_healthy else "not ready",
            "services": dict(zip(services, (content for _, content in answers), strict=True)),
        }
        return JSONResponse(body, 200 if is_healthy else 503)


async def _get_json(app: ASGIApp, extra_scope: Scope, path: str) -> tuple[int, Any]:
    """Send a GET request within this process and return status and JSON body (None if it is not JSON)."""
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
        **extra_scope,
    }
    await app(scope, receive, send)
    try:
        return status, json.loads(body)
    except ValueError:
        return status, None

"""Middleware of every HTTP request: trace context, access log without the values in paths, limit on the body."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from shared.runtime.observability.logging import get_logger
from shared.runtime.observability.tracing import traced
from shared.runtime.web.problem_details import Problem

DEFAULT_BODY_BYTES = 1024 * 1024
_HSTS = (b"strict-transport-security", b"max-age=31536000")
_DEFAULT_HEADERS = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))
log = get_logger("http")


@dataclass(frozen=True, slots=True)
class UploadLimit:
    """Limit of the body, in bytes, for POST requests to a route; `path` is its path as it is declared."""

    path: str
    max_bytes: int


class RequestMiddleware:
    """Middleware that reads the trace context and writes the access log.

    It logs the route's template: paths can contain tokens. It limits the body as it arrives: to `max_body_bytes`, or
    to what `uploads` permits. Answers get `no-store` and `nosniff` unless they set these headers themselves; with
    `https`, browsers use nothing else for a year (RFC 6797).
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        service: str,
        max_body_bytes: int = DEFAULT_BODY_BYTES,
        uploads: UploadLimit | None = None,
        https: bool = False,
    ) -> None:
        self._app = app
        self._service = service
        self._max_body_bytes = max_body_bytes
        self._upload_path = compile_path(uploads.path)[0] if uploads else None
        self._max_upload_bytes = uploads.max_bytes if uploads else max_body_bytes
        self._default_headers = (*_DEFAULT_HEADERS, *([_HSTS] if https else []))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        started = time.perf_counter()
        status = 500

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {
                    **message,
                    "headers": _with_defaults(message.get("headers", ()), self._default_headers),
                }
            await send(message)

        incoming = headers.get(b"traceparent", b"").decode("latin-1")
        with bound_contextvars(service=self._service), traced(incoming):
            try:
                await self._limited(scope, receive, observed, headers.get(b"content-length"))
            finally:
                route = getattr(scope.get("route"), "path", "-")
                if route not in ("/healthz", "/readyz"):
                    milliseconds = round((time.perf_counter() - started) * 1000, 1)
                    log.info(
                        "request.answered",
                        method=scope["method"],
                        route=route,
                        status=status,
                        ms=milliseconds,
                    )

    async def _limited(self, scope: Scope, receive: Receive, send: Send, declared: bytes | None) -> None:
        limit = self._limit(scope)
        if declared is not None and (not declared.isdigit() or int(declared) > limit):
            await too_large(limit).response()(scope, receive, send)
            return
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > limit:
                raise HTTPException(413, too_large(limit).detail)
            return message

        await self._app(scope, counted, send)

    def _limit(self, scope: Scope) -> int:
        path = self._upload_path
        is_upload = path is not None and scope["method"] == "POST" and path.match(scope["path"])
        return self._max_upload_bytes if is_upload else self._max_body_bytes


def _with_defaults(
    headers: Iterable[tuple[bytes, bytes]], defaults: Iterable[tuple[bytes, bytes]]
) -> list[tuple[bytes, bytes]]:
    """Return the headers of an answer with each default that they do not set themselves."""
    given = list(headers)
    names = {name.lower() for name, _ in given}
    return [*given, *(header for header in defaults if header[0] not in names)]


def too_large(limit: int) -> Problem:
    """Return problem 413: the body exceeds the limit."""
    return Problem(413, "body_too_large", f"The request body may have at most {limit} bytes.")

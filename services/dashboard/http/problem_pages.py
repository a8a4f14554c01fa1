"""A failure on a page reads as a page: the same words as the JSON problem, and a way on."""

import json
from collections.abc import Awaitable, Callable
from typing import Any, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import WebSocketRequestValidationError
from fastapi.responses import JSONResponse, Response

from services.dashboard.http.context import SignInNeeded
from services.dashboard.http.render import go, page

Handler = Callable[[Request, Exception], Awaitable[JSONResponse]]
TITLES = {
    400: "That could not be read",
    403: "Not allowed",
    404: "Not found",
    405: "Not found",
    413: "Too large",
    422: "Please correct this",
    503: "Please try again in a moment",
}


def install(app: FastAPI) -> None:
    """Wrap the handlers that the app has, for the paths of the pages."""
    for kind, handler in list(app.exception_handlers.items()):
        if kind is not WebSocketRequestValidationError:
            app.add_exception_handler(kind, _as_page(cast("Handler", handler)))
    app.add_exception_handler(SignInNeeded, _to_sign_in)


def _as_page(handler: Handler) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def handle(request: Request, error: Exception) -> Response:
        answer = await handler(request, error)
        if not request.url.path.startswith("/admin"):
            return answer
        problem: dict[str, Any] = json.loads(bytes(answer.body))
        title = TITLES.get(answer.status_code, "Something went wrong")
        shown = page(
            request,
            "problem.html",
            None,
            status=answer.status_code,
            title=title,
            detail=problem.get("detail", ""),
            errors=problem.get("errors", []),
        )
        if "retry-after" in answer.headers:
            shown.headers["Retry-After"] = answer.headers["retry-after"]
        return shown

    return handle


async def _to_sign_in(request: Request, _: Exception) -> Response:
    if request.method == "GET":
        return go(request, "/admin/login")
    return go(request, "/admin/login", "Your session is over. Sign in, then do it again.", bad=True)

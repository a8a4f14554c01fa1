"""Problem pages: under /admin an error is shown as a page with the texts of the JSON problem."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import WebSocketRequestValidationError
from fastapi.responses import JSONResponse, Response

from services.dashboard.http.context import SignInRequired
from services.dashboard.http.render import redirect, render_page

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
    """Wrap the exception handlers of the app, so that they answer with pages on the paths of pages."""
    for kind, handler in list(app.exception_handlers.items()):
        if kind is not WebSocketRequestValidationError:
            app.add_exception_handler(kind, _with_page(cast("Handler", handler)))
    app.add_exception_handler(SignInRequired, _redirect_to_login)


def _with_page(handler: Handler) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def handle(request: Request, error: Exception) -> Response:
        response = await handler(request, error)
        if not request.url.path.startswith("/admin"):
            return response
        problem: dict[str, Any] = json.loads(bytes(response.body))
        title = TITLES.get(response.status_code, "Something went wrong")
        page = render_page(
            request,
            "problem.html",
            None,
            status=response.status_code,
            title=title,
            detail=problem.get("detail", ""),
            errors=problem.get("errors", []),
        )
        if "retry-after" in response.headers:
            page.headers["Retry-After"] = response.headers["retry-after"]
        return page

    return handle


async def _redirect_to_login(request: Request, _: Exception) -> Response:
    if request.method == "GET":
        return redirect(request, "/admin/login")
    return redirect(request, "/admin/login", "Your session is over. Sign in, then do it again.", bad=True)

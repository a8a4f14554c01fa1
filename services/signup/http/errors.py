"""Error pages: failures of the public pages, explained in plain language."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from services.signup.http.context import Context
from services.signup.http.forms import PageError
from shared.runtime.core import is_transient
from shared.runtime.observability import get_logger

log = get_logger("pages")
_KEYS = {404: "not_found", 405: "not_allowed", 413: "too_large"}


class PageRoute(APIRoute):
    """A route that answers failures with pages. The app needs `install_error_pages`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            try:
                return await handler(request)
            except HTTPException:
                raise
            except PageError as error:
                return _page(request, error.status, error.key, error.headers)
            except Exception as error:  # the last place where a parent still gets a page
                if is_transient(error):
                    return _page(request, 503, "unavailable", {"retry-after": "2"})
                log.exception("page.failed")
                return _page(request, 500, "our_mistake")

        return guarded


def install_error_pages(app: FastAPI) -> None:
    """Answer unknown paths and wrong methods with pages, too."""

    async def on_http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        key = _KEYS.get(error.status_code, "bad_form")
        return _page(request, error.status_code, key, dict(error.headers or {}))

    app.add_exception_handler(HTTPException, on_http_error)


def _page(request: Request, status: int, key: str, headers: dict[str, str] | None = None) -> Response:
    context: Context = request.app.state.context
    return context.pages.render(
        request, "message.html", status, headers=headers, title=f"error.{key}.title", text=f"error.{key}.text"
    )

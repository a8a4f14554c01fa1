"""Failures of the public pages, said in plain words."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from services.signup.http.forms import PageError
from services.signup.http.pages import Pages
from shared.runtime.core import is_transient
from shared.runtime.observability import get_logger

log = get_logger("pages")
_KEYS = {404: "not_found", 405: "not_allowed", 413: "too_large"}


class PageRoute(APIRoute):
    """A route whose failures are pages. Needs `install` on the app."""

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


def install(app: FastAPI, pages: Pages) -> None:
    """Answer unknown paths and wrong methods with pages, too."""
    app.state.pages = pages

    async def on_http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        key = _KEYS.get(error.status_code, "bad_form")
        return _page(request, error.status_code, key, dict(error.headers or {}))

    app.add_exception_handler(HTTPException, on_http_error)


def _page(request: Request, status: int, key: str, headers: dict[str, str] | None = None) -> Response:
    pages: Pages = request.app.state.pages
    return pages.render(
        request, "message.html", status, headers=headers, title=f"error.{key}.title", text=f"error.{key}.text"
    )

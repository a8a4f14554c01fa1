"""Shared parts of the pages for bulk runs and imports: the first form, and requests that return to the page."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

from fastapi import Request
from fastapi.responses import Response

from services.dashboard.clients.http import ServiceError
from services.dashboard.domain.schools_students import School
from services.dashboard.http.context import Session
from services.dashboard.http.render import redirect, render_page
from shared.runtime.web import Problem

T = TypeVar("T")
TEMPLATE_OF_TAB = {"invite": "invite_many.html", "import": "import.html"}


def render_form(
    request: Request, session: Session, school: School, tab: str, error: ServiceError | None = None
) -> Response:
    """Return the form of the tab, with the error of the last attempt if there was one."""
    status = error.status if error else 200
    return render_page(
        request, TEMPLATE_OF_TAB[tab], session, status=status, school=school, tab=tab, error=error
    )


async def get_or_problem(call: Awaitable[T], default_code: str) -> T:
    """Return the response. Raises Problem for a ServiceError, with `default_code` where the service gives no code."""
    try:
        return await call
    except ServiceError as error:
        raise Problem(error.status, error.code or default_code, error.message) from error


async def run_and_return(request: Request, call: Awaitable[None], back: str) -> Response:
    """Await the call and redirect to `back`, with the reason as a notice if the service refused."""
    try:
        await call
    except ServiceError as error:
        return redirect(request, back, error.message, bad=True)
    return redirect(request, back)

"""What the pages of bulk runs and of imports have in common: the form they begin with, and what is asked of one."""

from collections.abc import Awaitable
from typing import TypeVar

from fastapi import Request
from fastapi.responses import Response

from services.dashboard.channels.owners import CommandError
from services.dashboard.domain.directory import School
from services.dashboard.http.context import Session
from services.dashboard.http.render import go, page
from shared.runtime.web import Problem

T = TypeVar("T")
FORMS = {"invite": "invite_many.html", "import": "import.html"}


def form_page(
    request: Request, session: Session, school: School, tab: str, error: CommandError | None = None
) -> Response:
    """The form of the tab, with what was refused."""
    status = error.status if error else 200
    return page(request, FORMS[tab], session, status=status, school=school, tab=tab, error=error)


async def found(asking: Awaitable[T], unknown: str) -> T:
    """What the owner answers; raises Problem, with the code `unknown` where the owner gives none."""
    try:
        return await asking
    except CommandError as error:
        raise Problem(error.status, error.code or unknown, error.message) from error


async def done(request: Request, asking: Awaitable[None], back: str) -> Response:
    """Back to the run's page, with the reason where the owner refused."""
    try:
        await asking
    except CommandError as error:
        return go(request, back, error.message, bad=True)
    return go(request, back)

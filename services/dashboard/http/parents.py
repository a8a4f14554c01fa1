"""The Parents list: who has been invited, who failed to be, and why (C7, C14)."""

from enum import StrEnum
from typing import Annotated, TypeVar
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from services.dashboard.domain.staff import May
from services.dashboard.domain.status import Delivery, Status
from services.dashboard.http.context import OfSchool, SignedIn, WithContext
from services.dashboard.http.cursors import Cursor, Search, after, bad_cursor
from services.dashboard.http.render import page
from services.dashboard.views.parents import ParentFilter, list_parents
from shared.runtime.web import Problem, encode_cursor

router = APIRouter(prefix="/admin/schools/{school_id}/parents", include_in_schema=False)
PAGE = 50
E = TypeVar("E", bound=StrEnum)
Chosen = Annotated[str, Query(max_length=40)]


@router.get("")
async def show_list(
    request: Request,
    context: WithContext,
    session: SignedIn,
    school: OfSchool,
    status: Chosen = "",
    delivery: Chosen = "",
    q: Search = None,
    cursor: Cursor = None,
) -> Response:
    session.need(May.LIST_PARENTS)
    wanted = ParentFilter(_chosen(Status, status, "status"), _chosen(Delivery, delivery, "delivery"), q)
    async with context.database.transaction(schools=[school.school_id]) as tx:
        try:
            rows, following = await list_parents(
                tx, school.school_id, wanted, after=after(cursor), limit=PAGE
            )
        except LookupError:
            raise bad_cursor() from None
    return page(
        request,
        "parents.html",
        session,
        school=school,
        tab="parents",
        parents=rows,
        wanted=wanted,
        next=encode_cursor(str(following)) if following else None,
        first=cursor is None,
        more=urlencode({"q": q or "", "status": status, "delivery": delivery}),
    )


def _chosen(kind: type[E], value: str, field: str) -> E | None:
    """The empty choice of the search form means any; raises Problem 422 for a word that is none of ours."""
    if not value:
        return None
    try:
        return kind(value)
    except ValueError:
        words = ", ".join(kind)
        raise Problem(422, "unknown_choice", f"{field} is one of: {words}.", field=field) from None

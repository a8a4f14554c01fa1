"""Parents list: status of every invitation, with failures and their reasons (C7, C14)."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, TypeVar
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from services.dashboard.domain.staff import Permission
from services.dashboard.http.context import AppContext, PathSchool, SignedInSession
from services.dashboard.http.cursors import Cursor, Search, bad_cursor, next_cursor, parse_cursor
from services.dashboard.http.render import render_page
from services.dashboard.views.parents import ParentFilter, list_parents
from shared.contracts.values import Delivery, InvitationStatus
from shared.runtime.web import Problem

router = APIRouter(prefix="/admin/schools/{school_id}/parents", include_in_schema=False)
PAGE_SIZE = 50
E = TypeVar("E", bound=StrEnum)
Choice = Annotated[str, Query(max_length=40)]


@router.get("")
async def show_list(
    request: Request,
    context: AppContext,
    session: SignedInSession,
    school: PathSchool,
    status: Choice = "",
    delivery: Choice = "",
    q: Search = None,
    cursor: Cursor = None,
) -> Response:
    session.require(Permission.LIST_PARENTS)
    parent_filter = ParentFilter(
        _parse_choice(InvitationStatus, status, "status"), _parse_choice(Delivery, delivery, "delivery"), q
    )
    async with context.database.transaction(schools=[school.school_id]) as tx:
        try:
            rows, last_id = await list_parents(
                tx, school.school_id, parent_filter, after=parse_cursor(cursor), limit=PAGE_SIZE
            )
        except LookupError:
            raise bad_cursor() from None
    return render_page(
        request,
        "parents.html",
        session,
        school=school,
        tab="parents",
        parents=rows,
        parent_filter=parent_filter,
        next=next_cursor(last_id),
        first=cursor is None,
        more=urlencode({"q": q or "", "status": status, "delivery": delivery}),
    )


def _parse_choice(kind: type[E], value: str, field: str) -> E | None:
    """Return the chosen value, or None (any) for the empty choice. Raises Problem 422 for an unknown value."""
    if not value:
        return None
    try:
        return kind(value)
    except ValueError:
        values = ", ".join(kind)
        raise Problem(422, "unknown_choice", f"{field} is one of: {values}.", field=field) from None

"""GET /dashboard/v1: the status view as JSON."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query

from services.dashboard.domain.status import Delivery, Status
from services.dashboard.http.context import WithContext, get_school, reader
from services.dashboard.http.cursors import Cursor, Search, after, bad_cursor
from services.dashboard.http.shapes import EntryOut, ParentDetailOut, ParentOut, ParentPage, SummaryOut
from services.dashboard.views.parents import (
    ParentFilter,
    Summary,
    find_parent,
    list_parents,
    summarise,
    timeline_of,
)
from shared.runtime.web import DEFAULT_LIMIT, MAX_LIMIT, Problem, encode_cursor

router = APIRouter(
    prefix="/dashboard/v1/schools/{school_id}", tags=["status view"], dependencies=[Depends(reader)]
)
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]


@router.get("/parents", summary="Parents with status, delivery, reason and next step")
async def get_parents(
    context: WithContext,
    school_id: UUID,
    status: Annotated[Status | None, Query()] = None,
    delivery: Annotated[Delivery | None, Query()] = None,
    q: Search = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> ParentPage:
    wanted = ParentFilter(status, delivery, q)
    async with context.database.transaction(schools=[school_id]) as tx:
        school = await get_school(tx, school_id)
        try:
            rows, following = await list_parents(tx, school_id, wanted, after=after(cursor), limit=limit)
        except LookupError:
            raise bad_cursor() from None
    items = [ParentOut.of(row, school) for row in rows]
    return ParentPage(items=items, next=encode_cursor(str(following)) if following else None)


@router.get("/summary", response_model=SummaryOut, summary="How many parents stand where")
async def get_summary(context: WithContext, school_id: UUID) -> Summary:
    async with context.database.transaction(schools=[school_id]) as tx:
        await get_school(tx, school_id)
        return await summarise(tx, school_id)


@router.get("/parents/{parent_id}", summary="One parent with the whole timeline")
async def get_parent(
    context: WithContext, school_id: UUID, parent_id: Annotated[UUID, Path()]
) -> ParentDetailOut:
    async with context.database.transaction(schools=[school_id]) as tx:
        school = await get_school(tx, school_id)
        row = await find_parent(tx, school_id, parent_id)
        entries = await timeline_of(tx, school_id, parent_id)
    if row is None:
        raise Problem(404, "parent_not_found", "There is no such parent in this school.")
    shown = ParentOut.of(row, school)
    return ParentDetailOut(**shown.model_dump(), timeline=[EntryOut.of(entry) for entry in entries])

"""GET /dashboard/v1/schools/…: the status view as JSON."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query

from services.dashboard.http.context import AppContext, get_school, require_reader
from services.dashboard.http.cursors import Cursor, Search, bad_cursor, next_cursor, parse_cursor
from services.dashboard.http.schemas import EntryOut, ParentDetailOut, ParentOut, ParentPage, SummaryOut
from services.dashboard.views.parents import (
    ParentFilter,
    Summary,
    find_parent,
    list_parents,
    list_timeline,
    summarise,
)
from shared.contracts.values import Delivery, InvitationStatus
from shared.runtime.web import DEFAULT_LIMIT, MAX_LIMIT, Problem

router = APIRouter(
    prefix="/dashboard/v1/schools/{school_id}", tags=["status view"], dependencies=[Depends(require_reader)]
)
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]


@router.get("/parents", summary="Parents with status, delivery, reason and next step")
async def get_parents(
    context: AppContext,
    school_id: UUID,
    status: Annotated[InvitationStatus | None, Query()] = None,
    delivery: Annotated[Delivery | None, Query()] = None,
    q: Search = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> ParentPage:
    parent_filter = ParentFilter(status, delivery, q)
    async with context.database.transaction(schools=[school_id]) as tx:
        school = await get_school(tx, school_id)
        try:
            rows, last_id = await list_parents(
                tx, school_id, parent_filter, after=parse_cursor(cursor), limit=limit
            )
        except LookupError:
            raise bad_cursor() from None
    return ParentPage(items=[ParentOut.from_row(row, school) for row in rows], next=next_cursor(last_id))


@router.get("/summary", response_model=SummaryOut, summary="How many parents stand where")
async def get_summary(context: AppContext, school_id: UUID) -> Summary:
    async with context.database.transaction(schools=[school_id]) as tx:
        await get_school(tx, school_id)
        return await summarise(tx, school_id)


@router.get("/parents/{parent_id}", summary="One parent with the whole timeline")
async def get_parent(
    context: AppContext, school_id: UUID, parent_id: Annotated[UUID, Path()]
) -> ParentDetailOut:
    async with context.database.transaction(schools=[school_id]) as tx:
        school = await get_school(tx, school_id)
        row = await find_parent(tx, school_id, parent_id)
        entries = await list_timeline(tx, school_id, parent_id)
    if row is None:
        raise Problem(404, "parent_not_found", "There is no such parent in this school.")
    parent = ParentOut.from_row(row, school)
    return ParentDetailOut(**parent.model_dump(), timeline=[EntryOut.from_entry(entry) for entry in entries])

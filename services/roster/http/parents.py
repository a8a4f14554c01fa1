"""Routes of parents."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import JSONResponse

from services.roster.domain.errors import parent_not_found
from services.roster.http.context import (
    DEFAULT_PAGE,
    SCHOOL,
    AppContext,
    Cursor,
    Limit,
    Search,
    WriteRequest,
    limit_body,
)
from services.roster.http.schemas import ParentChangeBody
from services.roster.use_cases.parents import change_parent, remove_parent
from services.roster.views import parents as views
from services.roster.views.schools import check_school
from shared.runtime.database import Transaction
from shared.runtime.web import ReadRoster, WriteRoster

PARENTS = f"{SCHOOL}/parents"
PARENT = f"{PARENTS}/{{parent_id}}"
router = APIRouter(tags=["parents"], dependencies=[Depends(limit_body)])


@router.get(PARENTS)
async def get_parents(
    school_id: UUID,
    ctx: AppContext,
    principal: ReadRoster,
    q: Search = None,
    signed_up: Annotated[bool | None, Query()] = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_PAGE,
) -> Any:
    """List parents by name."""
    async with ctx.database.transaction(schools=[school_id]) as tx:
        await check_school(tx, school_id)
        return await views.list_parents(tx, school_id, q, signed_up=signed_up, cursor=cursor, limit=limit)


@router.get(PARENT)
async def get_parent(school_id: UUID, parent_id: UUID, ctx: AppContext, principal: ReadRoster) -> Any:
    """Return a parent with every child's details."""
    async with ctx.database.transaction(schools=[school_id]) as tx:
        await check_school(tx, school_id)
        parent = await views.find_parent(tx, school_id, parent_id)
    if parent is None:
        raise parent_not_found()
    return parent


@router.patch(PARENT)
async def patch_parent(
    school_id: UUID, parent_id: UUID, body: ParentChangeBody, ctx: AppContext, principal: WriteRoster
) -> JSONResponse:
    """Change the fields that are given; null removes an e-mail address or a phone number."""

    async def work(tx: Transaction) -> Any:
        await change_parent(tx, school_id, parent_id, body.as_change(), actor=principal.actor)
        return await views.find_parent(tx, school_id, parent_id)

    return await WriteRequest(ctx, principal, f"PATCH {parent_id}", school_id).run(work)


@router.delete(PARENT, status_code=204)
async def delete_parent(
    school_id: UUID, parent_id: UUID, ctx: AppContext, principal: WriteRoster
) -> Response:
    """Remove a parent record with all its access."""
    async with ctx.database.transaction(schools=[school_id]) as tx:
        await remove_parent(tx, school_id, parent_id, actor=principal.actor)
    return Response(status_code=204)

"""Parents."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import JSONResponse

from services.roster.http.context import DEFAULT_PAGE, SCHOOL, Ctx, Cursor, Limit, Search, Write, small_body
from services.roster.http.models import ParentChangeBody
from services.roster.service import parents as service
from services.roster.service.refusals import get_school, parent_not_found
from services.roster.views import parents as views
from shared.runtime.database import Transaction
from shared.runtime.web import ReadRoster, WriteRoster

PARENTS = f"{SCHOOL}/parents"
PARENT = f"{PARENTS}/{{parent_id}}"
router = APIRouter(tags=["parents"], dependencies=[Depends(small_body)])


@router.get(PARENTS)
async def get_parents(
    school_id: UUID,
    ctx: Ctx,
    principal: ReadRoster,
    q: Search = None,
    signed_up: Annotated[bool | None, Query()] = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_PAGE,
) -> Any:
    """The parents list."""
    async with ctx.database.transaction(schools=[school_id]) as tx:
        await get_school(tx, school_id)
        return await views.list_parents(tx, school_id, q, signed_up=signed_up, cursor=cursor, limit=limit)


@router.get(PARENT)
async def get_parent(school_id: UUID, parent_id: UUID, ctx: Ctx, principal: ReadRoster) -> Any:
    """A parent with every child's details."""
    async with ctx.database.transaction(schools=[school_id]) as tx:
        await get_school(tx, school_id)
        found = await views.find_parent(tx, school_id, parent_id)
    if found is None:
        raise parent_not_found()
    return found


@router.patch(PARENT)
async def patch_parent(
    school_id: UUID, parent_id: UUID, body: ParentChangeBody, ctx: Ctx, principal: WriteRoster
) -> JSONResponse:
    """Change the fields that are named; null takes an e-mail or a phone away."""
    contacts = None
    if body.contacts is not None:
        contacts = tuple(service.ContactForm(one.kind, one.address, one.preferred) for one in body.contacts)
    change = service.ParentChange(body.form(), frozenset(body.model_fields_set), contacts)

    async def work(tx: Transaction) -> Any:
        await service.change_parent(tx, school_id, parent_id, change, actor=principal.actor)
        return await views.find_parent(tx, school_id, parent_id)

    return await Write(ctx, principal, f"PATCH {parent_id}", school_id).once(work)


@router.delete(PARENT, status_code=204)
async def delete_parent(school_id: UUID, parent_id: UUID, ctx: Ctx, principal: WriteRoster) -> Response:
    """The record goes, with every right of access."""
    async with ctx.database.transaction(schools=[school_id]) as tx:
        await service.remove_parent(tx, school_id, parent_id, actor=principal.actor)
    return Response(status_code=204)

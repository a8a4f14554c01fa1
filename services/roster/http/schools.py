"""Schools."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse

from services.roster.http.context import (
    DEFAULT_PAGE,
    PREFIX,
    SCHOOL,
    Ctx,
    Cursor,
    Key,
    Limit,
    Write,
    small_body,
)
from services.roster.http.models import SchoolBody
from services.roster.service.schools import add_school, change_school
from services.roster.views import schools as views
from shared.runtime.database import Transaction
from shared.runtime.web import Problem, ReadRoster, WriteRoster, school_not_found

router = APIRouter(tags=["schools"], dependencies=[Depends(small_body)])


@router.post(PREFIX, status_code=201)
async def post_school(body: SchoolBody, ctx: Ctx, principal: WriteRoster, key: Key = None) -> JSONResponse:
    """Register a school. `name` and `country` are needed; only a token for all schools may."""
    if principal.schools is not None:
        raise Problem(403, "all_schools_needed", "Only a token for all schools can register one.")

    async def work(tx: Transaction) -> Any:
        school = await add_school(tx, body.form(), actor=principal.actor)
        return await views.find_school(tx, school.school_id)

    return await Write(ctx, principal, "POST schools", None, key, body.idempotency_key, body).once(work, 201)


@router.get(PREFIX)
async def get_schools(
    ctx: Ctx, principal: ReadRoster, cursor: Cursor = None, limit: Limit = DEFAULT_PAGE
) -> Any:
    """The caller's schools, by name."""
    async with ctx.database.transaction(schools=principal.scope) as tx:
        return await views.list_schools(tx, principal.schools, cursor, limit)


@router.get(SCHOOL)
async def get_school(school_id: UUID, ctx: Ctx, principal: ReadRoster) -> Any:
    """One school."""
    async with ctx.database.transaction(schools=[school_id]) as tx:
        found = await views.find_school(tx, school_id)
    if found is None:
        raise school_not_found()
    return found


@router.patch(SCHOOL)
async def patch_school(
    school_id: UUID, body: SchoolBody, ctx: Ctx, principal: WriteRoster, key: Key = None
) -> JSONResponse:
    """Change the settings that are named."""

    async def work(tx: Transaction) -> Any:
        await change_school(tx, school_id, body.form(), actor=principal.actor)
        return await views.find_school(tx, school_id)

    return await Write(ctx, principal, "PATCH schools", school_id, key, body.idempotency_key, body).once(work)


@router.get(f"{SCHOOL}/summary")
async def get_summary(school_id: UUID, ctx: Ctx, principal: ReadRoster) -> Any:
    """How many students and parents."""
    async with ctx.database.transaction(schools=[school_id]) as tx:
        if await views.find_school(tx, school_id) is None:
            raise school_not_found()
        return await views.summary(tx, school_id)

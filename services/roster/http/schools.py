"""Routes of schools."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse

from services.roster.domain.errors import school_not_found
from services.roster.http.context import (
    DEFAULT_PAGE,
    PREFIX,
    SCHOOL,
    AppContext,
    Cursor,
    Key,
    Limit,
    WriteRequest,
    limit_body,
)
from services.roster.http.schemas import SchoolBody
from services.roster.use_cases.schools import add_school, change_school
from services.roster.views import schools as views
from shared.runtime.database import Transaction
from shared.runtime.web import Problem, ReadRoster, WriteRoster

router = APIRouter(tags=["schools"], dependencies=[Depends(limit_body)])


@router.post(PREFIX, status_code=201)
async def post_school(
    body: SchoolBody, ctx: AppContext, principal: WriteRoster, key: Key = None
) -> JSONResponse:
    """Register a school. `name` and `country` are required, and a token for all schools."""
    if principal.schools is not None:
        raise Problem(403, "all_schools_needed", "Only a token for all schools can register one.")

    async def work(tx: Transaction) -> Any:
        school = await add_school(tx, body.as_input(), actor=principal.actor)
        return await views.find_school(tx, school.school_id)

    return await WriteRequest(ctx, principal, "POST schools", None, key, body.idempotency_key, body).run(
        work, 201
    )


@router.get(PREFIX)
async def get_schools(
    ctx: AppContext, principal: ReadRoster, cursor: Cursor = None, limit: Limit = DEFAULT_PAGE
) -> Any:
    """List the caller's schools by name."""
    async with ctx.database.transaction(schools=principal.scope) as tx:
        return await views.list_schools(tx, principal.schools, cursor, limit)


@router.get(SCHOOL)
async def get_school(school_id: UUID, ctx: AppContext, principal: ReadRoster) -> Any:
    """Return a school."""
    async with ctx.database.transaction(schools=[school_id]) as tx:
        school = await views.find_school(tx, school_id)
    if school is None:
        raise school_not_found()
    return school


@router.patch(SCHOOL)
async def patch_school(
    school_id: UUID, body: SchoolBody, ctx: AppContext, principal: WriteRoster, key: Key = None
) -> JSONResponse:
    """Change the settings that are given."""

    async def work(tx: Transaction) -> Any:
        await change_school(tx, school_id, body.as_input(), actor=principal.actor)
        return await views.find_school(tx, school_id)

    return await WriteRequest(
        ctx, principal, "PATCH schools", school_id, key, body.idempotency_key, body
    ).run(work)


@router.get(f"{SCHOOL}/summary")
async def get_summary(school_id: UUID, ctx: AppContext, principal: ReadRoster) -> Any:
    """Return how many students and parents the school has."""
    async with ctx.database.transaction(schools=[school_id]) as tx:
        if await views.find_school(tx, school_id) is None:
            raise school_not_found()
        return await views.count_people(tx, school_id)

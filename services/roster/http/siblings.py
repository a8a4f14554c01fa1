"""Routes of siblings: suggestions, linking and unlinking."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import JSONResponse

from services.roster.http.context import (
    DEFAULT_PAGE,
    SCHOOL,
    AppContext,
    Cursor,
    Key,
    Limit,
    WriteRequest,
    limit_body,
)
from services.roster.http.schemas import SiblingsBody
from services.roster.use_cases.siblings import link_siblings, unlink_siblings
from services.roster.views import siblings as views
from services.roster.views.schools import check_school
from shared.runtime.database import Transaction
from shared.runtime.web import ReadRoster, WriteRoster

SIBLINGS = f"{SCHOOL}/siblings"
router = APIRouter(tags=["siblings"], dependencies=[Depends(limit_body)])
OnlyStudent = Annotated[UUID | None, Query(description="Only this student's part.")]


@router.get(SIBLINGS)
async def get_siblings(
    school_id: UUID,
    ctx: AppContext,
    principal: ReadRoster,
    show: Annotated[Literal["suggested", "linked"], Query()] = "suggested",
    cursor: Cursor = None,
    limit: Limit = DEFAULT_PAGE,
) -> Any:
    """List suggestions that wait for a person, or the existing links, each with its reason."""
    async with ctx.database.transaction(schools=[school_id]) as tx:
        await check_school(tx, school_id)
        list_groups = views.list_suggestions if show == "suggested" else views.list_linked
        return await list_groups(tx, school_id, cursor, limit)


@router.post(SIBLINGS, status_code=201)
async def post_siblings(
    school_id: UUID, body: SiblingsBody, ctx: AppContext, principal: WriteRoster, key: Key = None
) -> JSONResponse:
    """Link every named parent, and every parent of a named student, to all children of these parents."""

    async def work(tx: Transaction) -> Any:
        group = await link_siblings(
            tx, school_id, parent_ids=body.parent_ids, student_ids=body.student_ids, actor=principal.actor
        )
        return {
            "sibling_group_id": group.sibling_group_id,
            "parent_ids": group.parent_ids,
            "student_ids": group.student_ids,
            "reason": group.reason,
        }

    return await WriteRequest(
        ctx, principal, "POST siblings", school_id, key, body.idempotency_key, body
    ).run(work, 201)


@router.delete(SIBLINGS, status_code=204)
async def delete_siblings(
    school_id: UUID,
    sibling_group_id: Annotated[UUID, Query()],
    ctx: AppContext,
    principal: WriteRoster,
    student_id: OnlyStudent = None,
) -> Response:
    """Undo a sibling group, or one student's part in it; the access that it gave ends."""
    async with ctx.database.transaction(schools=[school_id]) as tx:
        await unlink_siblings(tx, school_id, sibling_group_id, student_id, actor=principal.actor)
    return Response(status_code=204)


@router.delete(f"{SIBLINGS}/{{sibling_group_id}}", status_code=204)
async def delete_sibling_group(
    school_id: UUID,
    sibling_group_id: UUID,
    ctx: AppContext,
    principal: WriteRoster,
    student_id: OnlyStudent = None,
) -> Response:
    """Undo a sibling group that is named in the path."""
    return await delete_siblings(school_id, sibling_group_id, ctx, principal, student_id)

"""Students, and Add Parent."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import JSONResponse

from services.roster.http.context import (
    DEFAULT_PAGE,
    SCHOOL,
    Ctx,
    Cursor,
    Key,
    Limit,
    Search,
    Write,
    small_body,
)
from services.roster.http.models import AddParentBody, StudentBody, StudentChange
from services.roster.service import students as service
from services.roster.service.forms import StudentForm
from services.roster.service.refusals import get_school, student_not_found
from services.roster.views import parents as parent_views
from services.roster.views import students as views
from shared.runtime.database import Transaction
from shared.runtime.web import ReadRoster, WriteRoster

STUDENTS = f"{SCHOOL}/students"
STUDENT = f"{STUDENTS}/{{student_id}}"
router = APIRouter(tags=["students"], dependencies=[Depends(small_body)])
SignedUp = Annotated[
    bool | None,
    Query(description="false: students whose parents are not all signed up yet; true: the others."),
]


@router.post(STUDENTS, status_code=201)
async def post_student(
    school_id: UUID, body: StudentBody, ctx: Ctx, principal: WriteRoster, key: Key = None
) -> JSONResponse:
    """Add a student with the parents; siblings are found by the declared rule."""

    async def work(tx: Transaction) -> Any:
        student = await service.add_student(
            tx, school_id, body.form(), invite=body.invite, actor=principal.actor
        )
        return await views.find_student(tx, school_id, student.student_id)

    return await Write(ctx, principal, "POST students", school_id, key, body.idempotency_key, body).once(
        work, 201
    )


@router.get(STUDENTS)
async def get_students(
    school_id: UUID,
    ctx: Ctx,
    principal: ReadRoster,
    q: Search = None,
    signed_up: SignedUp = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_PAGE,
) -> Any:
    """The student list; each row shows the parents and whether they signed up."""
    async with ctx.database.transaction(schools=[school_id]) as tx:
        await get_school(tx, school_id)
        return await views.list_students(tx, school_id, views.StudentQuery(q, signed_up, cursor, limit))


@router.get(STUDENT)
async def get_student(school_id: UUID, student_id: UUID, ctx: Ctx, principal: ReadRoster) -> Any:
    """A student's profile."""
    async with ctx.database.transaction(schools=[school_id]) as tx:
        await get_school(tx, school_id)
        found = await views.find_student(tx, school_id, student_id)
    if found is None:
        raise student_not_found()
    return found


@router.patch(STUDENT)
async def patch_student(
    school_id: UUID, student_id: UUID, body: StudentChange, ctx: Ctx, principal: WriteRoster
) -> JSONResponse:
    """Change the fields that are named; null empties one."""

    async def work(tx: Transaction) -> Any:
        form = StudentForm(**body.model_dump())
        named = frozenset(body.model_fields_set)
        await service.change_student(tx, school_id, student_id, form, named, actor=principal.actor)
        return await views.find_student(tx, school_id, student_id)

    return await Write(ctx, principal, f"PATCH {student_id}", school_id).once(work)


@router.delete(STUDENT, status_code=204)
async def delete_student(school_id: UUID, student_id: UUID, ctx: Ctx, principal: WriteRoster) -> Response:
    """The student leaves; the parents lose the access to this child."""
    async with ctx.database.transaction(schools=[school_id]) as tx:
        await service.remove_student(tx, school_id, student_id, actor=principal.actor)
    return Response(status_code=204)


@router.post(f"{STUDENT}/parents", status_code=201)
async def post_parent(
    school_id: UUID, student_id: UUID, body: AddParentBody, ctx: Ctx, principal: WriteRoster, key: Key = None
) -> JSONResponse:
    """Add Parent. Invited in the same breath unless `invite` is false; `matched` says the school knew the record."""

    async def work(tx: Transaction) -> Any:
        added = await service.add_parent(
            tx, school_id, student_id, body.form(), invite=body.invite, actor=principal.actor
        )
        parent = await parent_views.find_parent(tx, school_id, added.parent_id)
        return {**(parent or {}), "matched": added.matched}

    write = Write(ctx, principal, f"POST parents {student_id}", school_id, key, body.idempotency_key, body)
    return await write.once(work, 201)

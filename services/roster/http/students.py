"""Routes of students, and of adding a parent to one."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import JSONResponse

from services.roster.domain.errors import student_not_found
from services.roster.http.context import (
    DEFAULT_PAGE,
    SCHOOL,
    AppContext,
    Cursor,
    Key,
    Limit,
    Search,
    WriteRequest,
    limit_body,
)
from services.roster.http.schemas import AddParentBody, StudentBody, StudentChangeBody
from services.roster.spreadsheet.normalise import StudentInput
from services.roster.use_cases import students as use_cases
from services.roster.views import parents as parent_views
from services.roster.views import students as views
from services.roster.views.schools import check_school
from shared.runtime.database import Transaction
from shared.runtime.web import ReadRoster, WriteRoster

STUDENTS = f"{SCHOOL}/students"
STUDENT = f"{STUDENTS}/{{student_id}}"
router = APIRouter(tags=["students"], dependencies=[Depends(limit_body)])
SignedUp = Annotated[
    bool | None,
    Query(description="false: students whose parents are not all signed up yet; true: the others."),
]


@router.post(STUDENTS, status_code=201)
async def post_student(
    school_id: UUID, body: StudentBody, ctx: AppContext, principal: WriteRoster, key: Key = None
) -> JSONResponse:
    """Add a student with its parents; siblings are found by the matching rule."""

    async def work(tx: Transaction) -> Any:
        student = await use_cases.add_student(
            tx, school_id, body.as_input(), invite=body.invite, actor=principal.actor
        )
        return await views.find_student(tx, school_id, student.student_id)

    return await WriteRequest(
        ctx, principal, "POST students", school_id, key, body.idempotency_key, body
    ).run(work, 201)


@router.get(STUDENTS)
async def get_students(
    school_id: UUID,
    ctx: AppContext,
    principal: ReadRoster,
    q: Search = None,
    signed_up: SignedUp = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_PAGE,
) -> Any:
    """List students, each with its parents and whether they signed up."""
    async with ctx.database.transaction(schools=[school_id]) as tx:
        await check_school(tx, school_id)
        return await views.list_students(tx, school_id, views.StudentQuery(q, signed_up, cursor, limit))


@router.get(STUDENT)
async def get_student(school_id: UUID, student_id: UUID, ctx: AppContext, principal: ReadRoster) -> Any:
    """Return a student with its parents."""
    async with ctx.database.transaction(schools=[school_id]) as tx:
        await check_school(tx, school_id)
        student = await views.find_student(tx, school_id, student_id)
    if student is None:
        raise student_not_found()
    return student


@router.patch(STUDENT)
async def patch_student(
    school_id: UUID, student_id: UUID, body: StudentChangeBody, ctx: AppContext, principal: WriteRoster
) -> JSONResponse:
    """Change the fields that are given; null clears one."""

    async def work(tx: Transaction) -> Any:
        student = StudentInput(**body.model_dump())
        fields = frozenset(body.model_fields_set)
        await use_cases.change_student(tx, school_id, student_id, student, fields, actor=principal.actor)
        return await views.find_student(tx, school_id, student_id)

    return await WriteRequest(ctx, principal, f"PATCH {student_id}", school_id).run(work)


@router.delete(STUDENT, status_code=204)
async def delete_student(
    school_id: UUID, student_id: UUID, ctx: AppContext, principal: WriteRoster
) -> Response:
    """Remove a student; its parents lose their access to it."""
    async with ctx.database.transaction(schools=[school_id]) as tx:
        await use_cases.remove_student(tx, school_id, student_id, actor=principal.actor)
    return Response(status_code=204)


@router.post(f"{STUDENT}/parents", status_code=201)
async def post_parent(
    school_id: UUID,
    student_id: UUID,
    body: AddParentBody,
    ctx: AppContext,
    principal: WriteRoster,
    key: Key = None,
) -> JSONResponse:
    """Add a parent, invited unless `invite` is false. `matched` is true if the school had the record before."""

    async def work(tx: Transaction) -> Any:
        added = await use_cases.add_parent(
            tx, school_id, student_id, body.as_input(), invite=body.invite, actor=principal.actor
        )
        parent = await parent_views.find_parent(tx, school_id, added.parent_id)
        return {**(parent or {}), "matched": added.matched}

    write = WriteRequest(
        ctx, principal, f"POST parents {student_id}", school_id, key, body.idempotency_key, body
    )
    return await write.run(work, 201)

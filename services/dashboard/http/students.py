"""Pages of students: the list with row actions, a new student, and the profile with Add Parent."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from services.dashboard.clients.http import ServiceError
from services.dashboard.domain.schools_students import School
from services.dashboard.domain.staff import Permission
from services.dashboard.domain.status_rows import StudentRow
from services.dashboard.http.context import AppContext, Context, PathSchool, Session, SignedInSession
from services.dashboard.http.cursors import Cursor, Search, bad_cursor, next_cursor, parse_cursor
from services.dashboard.http.forms import SignedForm
from services.dashboard.http.render import redirect, render_page
from services.dashboard.use_cases.add_parent import add_parent
from services.dashboard.use_cases.add_student import add_student
from services.dashboard.views.students import find_student, list_students
from shared.runtime.core import new_id
from shared.runtime.web import Problem

router = APIRouter(prefix="/admin/schools/{school_id}/students", include_in_schema=False)
PAGE_SIZE = 50
STUDENT_FIELDS = ("name", "number", "class_name")
CLASSE365_FIELDS = ("father_name", "mother_name", "parents_contact", "parents_email")
PARENT_FIELDS = ("name", "relation", "email", "phone", "language")


@router.get("")
async def show_list(
    request: Request,
    context: AppContext,
    session: SignedInSession,
    school: PathSchool,
    q: Search = None,
    cursor: Cursor = None,
    waiting: Annotated[bool, Query()] = False,  # noqa: FBT002 - a tick box of the search form
) -> Response:
    """List students with the status of every parent beneath the name (P7, P14, P22)."""
    school_id = school.school_id
    async with context.database.transaction(schools=[school_id]) as tx:
        try:
            rows, last_id = await list_students(
                tx, school_id, text=q, not_signed_up=waiting, after=parse_cursor(cursor), limit=PAGE_SIZE
            )
        except LookupError:
            raise bad_cursor() from None
    return render_page(
        request,
        "students.html",
        session,
        school=school,
        tab="students",
        students=rows,
        next=next_cursor(last_id),
        q=q or "",
        waiting=waiting,
        first=cursor is None,
        more=urlencode({"q": q or "", **({"waiting": "true"} if waiting else {})}),
    )


@router.get("/new")
async def show_form(request: Request, session: SignedInSession, school: PathSchool) -> Response:
    session.require(Permission.EDIT)
    empty = dict.fromkeys((*STUDENT_FIELDS, *CLASSE365_FIELDS), "")
    return _render_form(request, session, school, empty, invite=False)


@router.post("/new")
async def add(
    request: Request, context: AppContext, session: SignedInSession, school: PathSchool, form: SignedForm
) -> Response:
    """Add a student; the four parent fields create or find the parents' record (C1-C3)."""
    session.require(Permission.EDIT)
    typed = {name: form.text(name) for name in (*STUDENT_FIELDS, *CLASSE365_FIELDS)}
    invite = form.is_ticked("invite")
    student = {**{name: value for name, value in typed.items() if value}, "invite": invite}
    try:
        added = await add_student(
            context.database,
            context.clients.roster,
            session.caller(school.school_id),
            student,
            form.text("key"),
        )
    except ServiceError as error:
        return _render_form(request, session, school, typed, invite=invite, error=error)
    path = f"/admin/schools/{school.school_id}/students"
    if not added.visible:
        return redirect(request, path, "The student is being added.")
    return redirect(request, f"{path}/{added.student_id}", "The student is on the roster.")


@router.get("/{student_id}")
async def show_profile(
    request: Request, context: AppContext, session: SignedInSession, school: PathSchool, student_id: UUID
) -> Response:
    student = await _get_student(context, school, student_id)
    return _render_profile(request, session, school, student, dict.fromkeys(PARENT_FIELDS, ""), invite=True)


@router.post("/{student_id}/parents")
async def add_parent_to_student(
    request: Request,
    context: AppContext,
    session: SignedInSession,
    school: PathSchool,
    student_id: UUID,
    form: SignedForm,
) -> Response:
    """Add a parent; the invite box is ticked unless staff untick it (P8-P10, P16)."""
    session.require(Permission.EDIT)
    student = await _get_student(context, school, student_id)
    typed = {name: form.text(name) for name in PARENT_FIELDS}
    invite = form.is_ticked("invite")
    try:
        await add_parent(
            context.database,
            context.clients.roster,
            session.caller(school.school_id),
            student_id,
            {name: value for name, value in typed.items() if value},
            invite=invite,
            key=form.text("key"),
        )
    except ServiceError as error:
        return _render_profile(request, session, school, student, typed, invite=invite, error=error)
    notice = "Saved, and the invitation is on its way." if invite else "Saved. Nothing was sent."
    return redirect(request, f"/admin/schools/{school.school_id}/students/{student_id}", notice)


async def _get_student(context: Context, school: School, student_id: UUID) -> StudentRow:
    async with context.database.transaction(schools=[school.school_id]) as tx:
        student = await find_student(tx, school.school_id, student_id)
    if student is None:
        raise Problem(404, "student_not_found", "There is no such student in this school.")
    return student


def _render_form(
    request: Request,
    session: Session,
    school: School,
    typed: dict[str, str],
    *,
    invite: bool,
    error: ServiceError | None = None,
) -> Response:
    return render_page(
        request,
        "student_new.html",
        session,
        status=error.status if error else 200,
        school=school,
        tab="students",
        typed=typed,
        invite=invite,
        error=error,
        key=str(new_id()),
    )


def _render_profile(
    request: Request,
    session: Session,
    school: School,
    student: StudentRow,
    typed: dict[str, str],
    *,
    invite: bool,
    error: ServiceError | None = None,
) -> Response:
    return render_page(
        request,
        "student.html",
        session,
        status=error.status if error else 200,
        school=school,
        tab="students",
        student=student,
        typed=typed,
        invite=invite,
        error=error,
        key=str(new_id()),
    )

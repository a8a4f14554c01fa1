"""Students: the list with its row actions, a new student, and a student's profile with Add Parent."""

from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from services.dashboard.channels.owners import CommandError
from services.dashboard.domain.directory import School
from services.dashboard.domain.rows import StudentRow
from services.dashboard.domain.staff import May
from services.dashboard.http.context import Context, OfSchool, Session, SignedIn, WithContext
from services.dashboard.http.cursors import Cursor, Search, after, bad_cursor
from services.dashboard.http.forms import SignedForm
from services.dashboard.http.render import go, page
from services.dashboard.service import commands
from services.dashboard.service.waiting import shown
from services.dashboard.views.students import find_student, list_students
from shared.runtime.core import new_id
from shared.runtime.database import Transaction
from shared.runtime.web import Problem, encode_cursor

router = APIRouter(prefix="/admin/schools/{school_id}/students", include_in_schema=False)
PAGE = 50
STUDENT_FIELDS = ("name", "number", "class_name")
CLASSE365_FIELDS = ("father_name", "mother_name", "parents_contact", "parents_email")
PARENT_FIELDS = ("name", "relation", "email", "phone", "language")


@router.get("")
async def show_list(
    request: Request,
    context: WithContext,
    session: SignedIn,
    school: OfSchool,
    q: Search = None,
    cursor: Cursor = None,
    waiting: Annotated[bool, Query()] = False,  # noqa: FBT002 - a tick box of the search form
) -> Response:
    """P7, P14, P22: every parent's status stands beneath the name."""
    school_id = school.school_id
    async with context.database.transaction(schools=[school_id]) as tx:
        try:
            rows, following = await list_students(
                tx, school_id, text=q, not_signed_up=waiting, after=after(cursor), limit=PAGE
            )
        except LookupError:
            raise bad_cursor() from None
    return page(
        request,
        "students.html",
        session,
        school=school,
        tab="students",
        students=rows,
        next=encode_cursor(str(following)) if following else None,
        q=q or "",
        waiting=waiting,
        first=cursor is None,
        more=urlencode({"q": q or "", **({"waiting": "true"} if waiting else {})}),
    )


@router.get("/new")
async def new(request: Request, session: SignedIn, school: OfSchool) -> Response:
    session.need(May.EDIT)
    empty = dict.fromkeys((*STUDENT_FIELDS, *CLASSE365_FIELDS), "")
    return page(
        request,
        "student_new.html",
        session,
        school=school,
        tab="students",
        typed=empty,
        error=None,
        key=str(new_id()),
        invite=False,
    )


@router.post("/new")
async def add(
    request: Request, context: WithContext, session: SignedIn, school: OfSchool, form: SignedForm
) -> Response:
    """C1-C3: the four parent fields make or find the parents' record."""
    session.need(May.EDIT)
    typed = {name: form.text(name) for name in (*STUDENT_FIELDS, *CLASSE365_FIELDS)}
    student = {name: value for name, value in typed.items() if value}
    caller = session.caller(school.school_id, "roster:write")
    try:
        student_id = await commands.add_student(
            context.owners, caller, {**student, "invite": form.ticked("invite")}, form.text("key")
        )
    except CommandError as error:
        return page(
            request,
            "student_new.html",
            session,
            status=error.status,
            school=school,
            tab="students",
            typed=typed,
            error=error,
            key=str(new_id()),
            invite=form.ticked("invite"),
        )

    async def there(tx: Transaction) -> bool:
        return await find_student(tx, school.school_id, student_id) is not None

    if not await shown(context.database, school.school_id, there):
        return go(request, f"/admin/schools/{school.school_id}/students", "The student is being added.")
    return go(
        request, f"/admin/schools/{school.school_id}/students/{student_id}", "The student is on the roster."
    )


@router.get("/{student_id}")
async def profile(
    request: Request, context: WithContext, session: SignedIn, school: OfSchool, student_id: UUID
) -> Response:
    student = await _get(context, school, student_id)
    return _profile(request, session, school, student, dict.fromkeys(PARENT_FIELDS, ""), invite=True)


@router.post("/{student_id}/parents")
async def add_parent(
    request: Request,
    context: WithContext,
    session: SignedIn,
    school: OfSchool,
    student_id: UUID,
    form: SignedForm,
) -> Response:
    """P8-P10, P16: Add Parent; the invite box is ticked unless staff untick it."""
    session.need(May.EDIT)
    student = await _get(context, school, student_id)
    typed = {name: form.text(name) for name in PARENT_FIELDS}
    invite = form.ticked("invite")
    parent = {name: value for name, value in typed.items() if value}
    try:
        await commands.add_parent(
            context.owners,
            session.caller(school.school_id, "roster:write"),
            student_id,
            parent,
            invite=invite,
            key=form.text("key"),
        )
    except CommandError as error:
        return _profile(request, session, school, student, typed, invite=invite, error=error)

    async def there(tx: Transaction) -> bool:
        found = await find_student(tx, school.school_id, student_id)
        return found is not None and len(found.parents) > len(student.parents)

    await shown(context.database, school.school_id, there)
    done = "Saved, and the invitation is on its way." if invite else "Saved. Nothing was sent."
    return go(request, f"/admin/schools/{school.school_id}/students/{student_id}", done)


async def _get(context: Context, school: School, student_id: UUID) -> StudentRow:
    async with context.database.transaction(schools=[school.school_id]) as tx:
        student = await find_student(tx, school.school_id, student_id)
    if student is None:
        raise Problem(404, "student_not_found", "There is no such student in this school.")
    return student


def _profile(
    request: Request,
    session: Session,
    school: School,
    student: StudentRow,
    typed: dict[str, str],
    *,
    invite: bool,
    error: CommandError | None = None,
) -> Response:
    return page(
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

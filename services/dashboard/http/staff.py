"""The page of the office's people: who may do what in which school. Nobody sees who works in another's schools."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response

from services.dashboard.domain.office import OfficeError
from services.dashboard.domain.staff import May, Role, Schools, Staff, roles_in
from services.dashboard.http.context import Context, Session, SignedIn, WithContext
from services.dashboard.http.forms import Form, SignedForm, chosen_schools
from services.dashboard.http.render import go, page
from services.dashboard.service.office import LetIn, add_person, colleagues, end_work, give_role
from services.dashboard.views.schools import list_schools
from services.dashboard.views.tokens import count_valid
from shared.runtime.database import EVERY_SCHOOL, Scope
from shared.runtime.web import Problem

router = APIRouter(prefix="/admin/staff", include_in_schema=False)
HERE = "/admin/staff"
ROLES = {
    Role.OWNER: "Owner: everything, and who else is an owner",
    Role.ADMIN: "Admin: everything in the school",
    Role.FRONT_DESK: "Front desk: finds, edits and invites families",
    Role.VIEWER: "Viewer: looks only",
}
NOTHING = {"email": "", "role": Role.VIEWER.value, "school_ids": []}


@router.get("")
async def show(request: Request, context: WithContext, session: SignedIn) -> Response:
    session.need(May.MANAGE_STAFF)
    return await _page(request, context, session)


@router.post("")
async def add(request: Request, context: WithContext, session: SignedIn, form: SignedForm) -> Response:
    """The answer is the page itself: a new password is shown once and kept nowhere."""
    session.need(May.MANAGE_STAFF)
    try:
        roles = roles_in(_role(form), await _chosen(context, session, form))
        added = await add_person(context.database, session.staff, form.text("email"), roles)
    except OfficeError as error:
        return await _page(request, context, session, typed=_typed(form), error=error)
    return await _page(request, context, session, made=added)


@router.post("/{staff_id}/role")
async def change(
    request: Request, context: WithContext, session: SignedIn, staff_id: UUID, form: SignedForm
) -> Response:
    session.need(May.MANAGE_STAFF)
    await _colleague(context, session, staff_id)
    try:
        schools = await _chosen(context, session, form)
        changed = await give_role(context.database, session.staff, staff_id, _role(form), schools)
    except OfficeError as error:
        return go(request, HERE, error.message, bad=True)
    member = _found(changed.staff if changed else None)
    if changed and changed.password:
        return await _page(request, context, session, made=changed)
    return go(request, HERE, f"{member.email}: the new role holds at once.")


@router.post("/{staff_id}/end")
async def end(
    request: Request, context: WithContext, session: SignedIn, staff_id: UUID, form: SignedForm
) -> Response:
    """In the schools of whoever asks; somebody who works elsewhere, too, goes on there.

    Tokens that the person made are programs' and go on: the answer leads to them.
    """
    session.need(May.MANAGE_STAFF)
    await _colleague(context, session, staff_id)
    try:
        member = await end_work(context.database, session.staff, staff_id, _mine(session))
    except OfficeError as error:
        return go(request, HERE, error.message, bad=True)
    left = _found(member)
    told = "works no longer in your schools" if left.roles else "is out, and signed out everywhere"
    async with context.database.transaction(schools=_scope(session)) as tx:
        valid = await count_valid(tx, left.actor)
    if not valid:
        return go(request, HERE, f"{left.email} {told}.")
    tokens = "1 token is" if valid == 1 else f"{valid} tokens are"
    words = (
        f"{left.email} {told}. {tokens} still valid that this person made: revoke here what is not needed."
    )
    return go(request, "/admin/tokens", words, bad=True)


async def _page(
    request: Request,
    context: Context,
    session: Session,
    *,
    typed: dict[str, Any] | None = None,
    error: OfficeError | None = None,
    made: LetIn | None = None,
) -> Response:
    mine = _mine(session)
    async with context.database.transaction(schools=_scope(session)) as tx:
        schools = await list_schools(tx, mine)
    return page(
        request,
        "staff.html",
        session,
        status=422 if error else 200,
        tab="staff",
        people=await colleagues(context.database, mine),
        schools=schools,
        school_names={school.school_id: school.name for school in schools},
        everywhere=mine is None,
        roles=ROLES,
        typed=typed or NOTHING,
        error=error,
        made=made,
    )


def _mine(session: Session) -> Schools:
    return session.staff.schools_where(May.MANAGE_STAFF)


def _scope(session: Session) -> Scope:
    mine = _mine(session)
    return EVERY_SCHOOL if mine is None else mine


def _role(form: Form) -> Role:
    try:
        return Role(form.text("role"))
    except ValueError:
        raise OfficeError("role", "bad_role", "Choose a role.") from None


async def _chosen(context: Context, session: Session, form: Form) -> Schools:
    """The schools ticked, which must be there and the caller's."""
    wanted = chosen_schools(form)
    if wanted is None:
        return None
    mine = _mine(session)
    async with context.database.transaction(schools=_scope(session)) as tx:
        known = {school.school_id for school in await list_schools(tx, mine)}
    if not wanted or not wanted <= known:
        raise OfficeError("school_ids", "school_not_found", "Choose at least one school, of those shown.")
    return wanted


async def _colleague(context: Context, session: Session, staff_id: UUID) -> None:
    """Raises Problem 404 for anybody who works in none of the caller's schools."""
    seen = await colleagues(context.database, _mine(session))
    _found(next((one for one in seen if one.staff_id == staff_id), None))


def _found(member: Staff | None) -> Staff:
    if member is None:
        raise Problem(404, "staff_not_found", "There is nobody like that here.")
    return member


def _typed(form: Form) -> dict[str, Any]:
    return {
        "email": form.text("email"),
        "role": form.text("role"),
        "school_ids": form.all("school_ids"),
    }

"""Staff page: members with their roles per school, as far as the schools are those that the caller manages."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response

from services.dashboard.domain.role_changes import StaffError
from services.dashboard.domain.staff import Permission, Role, Schools, Staff, assign_role
from services.dashboard.http.context import AppContext, Context, Session, SignedInSession, to_scope
from services.dashboard.http.forms import Form, SignedForm, parse_schools
from services.dashboard.http.render import redirect, render_page
from services.dashboard.use_cases.staff_admin import (
    NewAccess,
    add_staff_member,
    change_role,
    end_access,
    list_staff,
)
from services.dashboard.views.schools import list_schools
from services.dashboard.views.tokens import count_valid_tokens
from shared.runtime.web import Problem

router = APIRouter(prefix="/admin/staff", include_in_schema=False)
PATH = "/admin/staff"
ROLES = {
    Role.OWNER: "Owner: everything, and who else is an owner",
    Role.ADMIN: "Admin: everything in the school",
    Role.FRONT_DESK: "Front desk: finds, edits and invites families",
    Role.VIEWER: "Viewer: looks only",
}
EMPTY_FORM = {"email": "", "role": Role.VIEWER.value, "school_ids": []}


@router.get("")
async def show(request: Request, context: AppContext, session: SignedInSession) -> Response:
    session.require(Permission.MANAGE_STAFF)
    return await _render(request, context, session)


@router.post("")
async def add(request: Request, context: AppContext, session: SignedInSession, form: SignedForm) -> Response:
    """Add a member. The response is the page itself, because the new password is shown once and stored nowhere."""
    session.require(Permission.MANAGE_STAFF)
    try:
        roles = assign_role(_parse_role(form), await _parse_managed_schools(context, session, form))
        access = await add_staff_member(context.database, session.staff, form.text("email"), roles)
    except StaffError as error:
        return await _render(request, context, session, typed=_form_values(form), error=error)
    return await _render(request, context, session, new_access=access)


@router.post("/{staff_id}/role")
async def change(
    request: Request, context: AppContext, session: SignedInSession, staff_id: UUID, form: SignedForm
) -> Response:
    session.require(Permission.MANAGE_STAFF)
    await _check_managed(context, session, staff_id)
    try:
        schools = await _parse_managed_schools(context, session, form)
        access = await change_role(context.database, session.staff, staff_id, _parse_role(form), schools)
    except StaffError as error:
        return redirect(request, PATH, error.message, bad=True)
    member = _require_member(access.staff if access else None)
    if access and access.password:
        return await _render(request, context, session, new_access=access)
    return redirect(request, PATH, f"{member.email}: the new role holds at once.")


@router.post("/{staff_id}/end")
async def end(
    request: Request, context: AppContext, session: SignedInSession, staff_id: UUID, form: SignedForm
) -> Response:
    """End the access to the schools that the caller manages; roles elsewhere remain.

    API tokens that the member made stay valid: if there are any, the redirect leads to their page.
    """
    session.require(Permission.MANAGE_STAFF)
    await _check_managed(context, session, staff_id)
    try:
        ended = await end_access(context.database, session.staff, staff_id, _managed_schools(session))
    except StaffError as error:
        return redirect(request, PATH, error.message, bad=True)
    member = _require_member(ended)
    result = "works no longer in your schools" if member.roles else "is out, and signed out everywhere"
    async with context.database.transaction(schools=to_scope(_managed_schools(session))) as tx:
        token_count = await count_valid_tokens(tx, member.actor)
    if not token_count:
        return redirect(request, PATH, f"{member.email} {result}.")
    tokens = "1 token is" if token_count == 1 else f"{token_count} tokens are"
    notice = (
        f"{member.email} {result}. {tokens} still valid that this person made: "
        "revoke here what is not needed."
    )
    return redirect(request, "/admin/tokens", notice, bad=True)


async def _render(
    request: Request,
    context: Context,
    session: Session,
    *,
    typed: dict[str, Any] | None = None,
    error: StaffError | None = None,
    new_access: NewAccess | None = None,
) -> Response:
    managed = _managed_schools(session)
    async with context.database.transaction(schools=to_scope(managed)) as tx:
        schools = await list_schools(tx, managed)
    return render_page(
        request,
        "staff.html",
        session,
        status=422 if error else 200,
        tab="staff",
        members=await list_staff(context.database, managed),
        schools=schools,
        school_names={school.school_id: school.name for school in schools},
        everywhere=managed is None,
        roles=ROLES,
        typed=typed or EMPTY_FORM,
        error=error,
        new_access=new_access,
    )


def _managed_schools(session: Session) -> Schools:
    return session.staff.schools_with(Permission.MANAGE_STAFF)


def _parse_role(form: Form) -> Role:
    try:
        return Role(form.text("role"))
    except ValueError:
        raise StaffError("role", "bad_role", "Choose a role.") from None


async def _parse_managed_schools(context: Context, session: Session, form: Form) -> Schools:
    """Return the ticked schools. Raises StaffError unless they exist and the caller manages staff in all of them."""
    chosen = parse_schools(form)
    if chosen is None:
        return None
    managed = _managed_schools(session)
    async with context.database.transaction(schools=to_scope(managed)) as tx:
        existing = {school.school_id for school in await list_schools(tx, managed)}
    if not chosen or not chosen <= existing:
        raise StaffError("school_ids", "school_not_found", "Choose at least one school, of those shown.")
    return chosen


async def _check_managed(context: Context, session: Session, staff_id: UUID) -> None:
    """Raise Problem 404 for a member without a role in any school that the caller manages."""
    visible = await list_staff(context.database, _managed_schools(session))
    _require_member(next((member for member in visible if member.staff_id == staff_id), None))


def _require_member(member: Staff | None) -> Staff:
    if member is None:
        raise Problem(404, "staff_not_found", "There is nobody like that here.")
    return member


def _form_values(form: Form) -> dict[str, Any]:
    return {
        "email": form.text("email"),
        "role": form.text("role"),
        "school_ids": form.all("school_ids"),
    }

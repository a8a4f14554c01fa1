"""Page of one parent: children, contacts and the timeline (C8), with editing, inviting and withdrawing."""

from __future__ import annotations

from urllib.parse import urlsplit
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response

from services.dashboard.clients.http import ServiceError
from services.dashboard.domain.schools_students import School
from services.dashboard.domain.staff import Permission
from services.dashboard.domain.status_rows import ParentRow
from services.dashboard.http.context import (
    AppContext,
    Context,
    PathSchool,
    Session,
    SignedInSession,
    get_context,
)
from services.dashboard.http.forms import Form, SignedForm
from services.dashboard.http.render import redirect, render_page
from services.dashboard.use_cases.edit_parent import edit_parent
from services.dashboard.use_cases.invite_parent import ConfirmationNeeded, invite_parent
from services.dashboard.use_cases.withdraw_invitation import withdraw_invitation
from services.dashboard.views.actors import list_actor_names
from services.dashboard.views.parents import find_parent, list_timeline
from shared.contracts.values import Delivery
from shared.runtime.web import Problem

router = APIRouter(prefix="/admin/schools/{school_id}/parents/{parent_id}", include_in_schema=False)


@router.get("")
async def show(
    request: Request, context: AppContext, session: SignedInSession, school: PathSchool, parent_id: UUID
) -> Response:
    parent = await _get_parent(context, school, parent_id)
    return await _render(request, session, school, parent)


@router.post("")
async def edit(
    request: Request,
    context: AppContext,
    session: SignedInSession,
    school: PathSchool,
    parent_id: UUID,
    form: SignedForm,
) -> Response:
    """Change the name and the contacts (P17)."""
    session.require(Permission.EDIT)
    parent = await _get_parent(context, school, parent_id)
    typed = {name: form.text(name) for name in ("name", "email", "phone", "language")}
    caller = session.caller(school.school_id)
    try:
        await edit_parent(
            context.database, context.clients.roster, caller, parent_id, _changes(parent, typed)
        )
    except ServiceError as error:
        return await _render(request, session, school, parent, typed=typed, error=error)
    return redirect(request, _path(school, parent_id), "Saved.")


@router.post("/invite")
async def invite(
    request: Request,
    context: AppContext,
    session: SignedInSession,
    school: PathSchool,
    parent_id: UUID,
    form: SignedForm,
) -> Response:
    """Invite, or ask for confirmation first (P7, P11, C10, C11)."""
    session.require(Permission.INVITE)
    channel = form.channel(context.settings.usable_channels)
    parent = await _get_parent(context, school, parent_id)
    back = _back_path(form, school, parent_id)
    try:
        await invite_parent(
            context.database,
            context.clients.invitations,
            session.caller(school.school_id),
            parent_id,
            channel,
            confirmed=form.is_ticked("sure"),
        )
    except ConfirmationNeeded:
        return render_page(
            request,
            "invite_again.html",
            session,
            school=school,
            tab="",
            parent=parent,
            back=back,
            channel=channel,
        )
    except ServiceError as error:
        return redirect(request, back, f"Not invited: {error.message}", bad=True)
    return redirect(request, back, await _invited_notice(context, school, parent_id))


@router.post("/withdraw")
async def withdraw(
    request: Request,
    context: AppContext,
    session: SignedInSession,
    school: PathSchool,
    parent_id: UUID,
    form: SignedForm,
) -> Response:
    session.require(Permission.INVITE)
    await _get_parent(context, school, parent_id)
    back = _back_path(form, school, parent_id)
    caller = session.caller(school.school_id)
    try:
        await withdraw_invitation(context.database, context.clients.invitations, caller, parent_id)
    except ServiceError as error:
        return redirect(request, back, f"Not withdrawn: {error.message}", bad=True)
    return redirect(request, back, "The invitation is withdrawn; its links no longer work.")


async def _invited_notice(context: Context, school: School, parent_id: UUID) -> str:
    """Return the notice after an invitation: the message is on its way, or it waits for the end of quiet hours."""
    parent = await _get_parent(context, school, parent_id)
    if parent.delivery is not Delivery.DEFERRED:
        return "The message is on its way."
    explanation = parent.explanation(school.timezone)
    return f"{explanation.reason} {explanation.next_step}"


async def _get_parent(context: Context, school: School, parent_id: UUID) -> ParentRow:
    async with context.database.transaction(schools=[school.school_id]) as tx:
        parent = await find_parent(tx, school.school_id, parent_id)
    if parent is None:
        raise Problem(404, "parent_not_found", "There is no such parent in this school.")
    return parent


async def _render(
    request: Request,
    session: Session,
    school: School,
    parent: ParentRow,
    *,
    typed: dict[str, str] | None = None,
    error: ServiceError | None = None,
) -> Response:
    context = get_context(request)
    async with context.database.transaction(schools=[school.school_id]) as tx:
        entries = await list_timeline(tx, school.school_id, parent.parent_id)
        names = await list_actor_names(tx, [entry.actor for entry in entries])
    return render_page(
        request,
        "parent.html",
        session,
        status=error.status if error else 200,
        school=school,
        tab="parents",
        only=str(parent.parent_id),
        parent=parent,
        entries=entries,
        names=names,
        typed=typed or _form_values(parent),
        error=error,
    )


def _form_values(parent: ParentRow) -> dict[str, str]:
    return {
        "name": parent.name,
        "email": _address(parent, "email"),
        "phone": _address(parent, "phone"),
        "language": parent.language or "",
    }


def _address(parent: ParentRow, kind: str) -> str:
    """Return the address that the form edits: of the preferred contact of this kind, otherwise of the first."""
    contacts = [contact for contact in parent.contacts if contact.kind == kind]
    contacts.sort(key=lambda contact: not contact.preferred)
    return contacts[0].address if contacts else ""


def _changes(parent: ParentRow, typed: dict[str, str]) -> dict[str, str | None]:
    """Return only the fields that staff changed; an emptied field is None."""
    before = _form_values(parent)
    return {name: value or None for name, value in typed.items() if value != before[name]}


def _path(school: School, parent_id: UUID) -> str:
    return f"/admin/schools/{school.school_id}/parents/{parent_id}"


def _back_path(form: Form, school: School, parent_id: UUID) -> str:
    """Return the page on which the button was pressed. Anything but a page of this school is ignored."""
    back = urlsplit(form.text("back"))
    inside = back.path.startswith(f"/admin/schools/{school.school_id}")
    if back.scheme or back.netloc or not inside or "\\" in back.path or "//" in back.path:
        return _path(school, parent_id)
    return back.path + (f"?{back.query}" if back.query else "")

"""Send Parent Invite: the preview with skip reasons, then a bulk run with its progress (P20-P25).

Invitations owns bulk runs and decides everything about them, so the routes call its client directly.
"""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response

from services.dashboard.clients.http import ServiceError
from services.dashboard.domain.staff import Permission
from services.dashboard.http.context import AppContext, PathSchool, SignedInSession
from services.dashboard.http.forms import Form, SignedForm
from services.dashboard.http.progress_pages import get_or_problem, render_form, run_and_return
from services.dashboard.http.render import redirect, render_page
from shared.runtime.core import new_id
from shared.runtime.web import Problem

router = APIRouter(prefix="/admin/schools/{school_id}/invite", include_in_schema=False)
REFRESH_SECONDS = 2
Control = Literal["pause", "resume", "cancel"]


@router.get("")
async def show_form(request: Request, session: SignedInSession, school: PathSchool) -> Response:
    session.require(Permission.INVITE_MANY)
    return render_form(request, session, school, "invite")


@router.post("/preview")
async def preview(
    request: Request, context: AppContext, session: SignedInSession, school: PathSchool, form: SignedForm
) -> Response:
    session.require(Permission.INVITE_MANY)
    selection, channel = _parse_selection(form), form.channel(context.settings.usable_channels)
    try:
        caller = session.caller(school.school_id)
        bulk_run = await context.clients.invitations.preview_bulk(caller, selection, channel)
    except ServiceError as error:
        return render_form(request, session, school, "invite", error)
    return render_page(
        request,
        "invite_preview.html",
        session,
        school=school,
        tab="invite",
        bulk_run=bulk_run,
        channel=channel,
        everyone="all" in selection,
        student_ids=selection.get("student_ids", []),
        key=str(new_id()),
    )


@router.post("/run")
async def start(
    request: Request, context: AppContext, session: SignedInSession, school: PathSchool, form: SignedForm
) -> Response:
    """Start the run; the form's key makes a second press the same run."""
    session.require(Permission.INVITE_MANY)
    channel = form.channel(context.settings.usable_channels)
    try:
        caller = session.caller(school.school_id)
        bulk_id = await context.clients.invitations.start_bulk(
            caller, _parse_selection(form), channel, form.text("key")
        )
    except ServiceError as error:
        return render_form(request, session, school, "invite", error)
    return redirect(request, f"/admin/schools/{school.school_id}/invite/{bulk_id}")


@router.get("/{bulk_id}")
async def show_progress(
    request: Request, context: AppContext, session: SignedInSession, school: PathSchool, bulk_id: UUID
) -> Response:
    session.require(Permission.INVITE_MANY)
    caller = session.caller(school.school_id)
    bulk_run = await get_or_problem(context.clients.invitations.get_bulk(caller, bulk_id), "bulk_unknown")
    return render_page(
        request,
        "invite_progress.html",
        session,
        school=school,
        tab="invite",
        bulk_run=bulk_run,
        refresh_seconds=REFRESH_SECONDS if bulk_run.running else None,
    )


@router.post("/{bulk_id}/{control}")
async def control_run(
    request: Request,
    context: AppContext,
    session: SignedInSession,
    school: PathSchool,
    bulk_id: UUID,
    control: Control,
    form: SignedForm,
) -> Response:
    session.require(Permission.INVITE_MANY)
    back = f"/admin/schools/{school.school_id}/invite/{bulk_id}"
    caller = session.caller(school.school_id)
    call = context.clients.invitations.control_bulk(caller, bulk_id, control)
    return await run_and_return(request, call, back)


def _parse_selection(form: Form) -> dict[str, Any]:
    """Return the selection for the API: all parents, or named students. Raises Problem 422 for an empty one."""
    if form.text("who") == "all":
        return {"all": True}
    try:
        student_ids = [str(UUID(student_id)) for student_id in form.all("student_id")]
    except ValueError:
        raise Problem(422, "bad_selection", "The selection could not be read.", field="student_id") from None
    if not student_ids:
        raise Problem(422, "nothing_selected", "Select at least one student first.", field="student_id")
    return {"student_ids": student_ids}

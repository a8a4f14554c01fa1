"""Send Parent Invite: preview with the reasons for every family left out, then a run with its progress (P20-P25)."""

from typing import Any, Literal
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response

from services.dashboard.channels.owners import CommandError
from services.dashboard.domain.staff import May
from services.dashboard.http.context import OfSchool, SignedIn, WithContext
from services.dashboard.http.forms import Form, SignedForm
from services.dashboard.http.render import go, page
from services.dashboard.http.runs import done, form_page, found
from services.dashboard.service import commands
from shared.runtime.core import new_id
from shared.runtime.web import Problem

router = APIRouter(prefix="/admin/schools/{school_id}/invite", include_in_schema=False)
REFRESH_SECONDS = 2
Control = Literal["pause", "resume", "cancel"]


@router.get("")
async def start(request: Request, session: SignedIn, school: OfSchool) -> Response:
    session.need(May.INVITE_MANY)
    return form_page(request, session, school, "invite")


@router.post("/preview")
async def preview(
    request: Request, context: WithContext, session: SignedIn, school: OfSchool, form: SignedForm
) -> Response:
    session.need(May.INVITE_MANY)
    select, channel = _selection(form), form.channel(context.settings.usable_channels)
    try:
        caller = session.caller(school.school_id, "invitations:write")
        told = await commands.preview_bulk(context.owners, caller, select, channel)
    except CommandError as error:
        return form_page(request, session, school, "invite", error)
    return page(
        request,
        "invite_preview.html",
        session,
        school=school,
        tab="invite",
        told=told,
        channel=channel,
        everyone="all" in select,
        student_ids=select.get("student_ids", []),
        key=str(new_id()),
    )


@router.post("/run")
async def run(
    request: Request, context: WithContext, session: SignedIn, school: OfSchool, form: SignedForm
) -> Response:
    """The form's key makes a second press the same run."""
    session.need(May.INVITE_MANY)
    channel = form.channel(context.settings.usable_channels)
    try:
        caller = session.caller(school.school_id, "invitations:write")
        bulk_id = await commands.start_bulk(
            context.owners, caller, _selection(form), channel, form.text("key")
        )
    except CommandError as error:
        return form_page(request, session, school, "invite", error)
    return go(request, f"/admin/schools/{school.school_id}/invite/{bulk_id}")


@router.get("/{bulk_id}")
async def progress(
    request: Request, context: WithContext, session: SignedIn, school: OfSchool, bulk_id: UUID
) -> Response:
    session.need(May.INVITE_MANY)
    caller = session.caller(school.school_id, "invitations:read")
    told = await found(commands.get_bulk(context.owners, caller, bulk_id), "bulk_unknown")
    return page(
        request,
        "invite_progress.html",
        session,
        school=school,
        tab="invite",
        told=told,
        refresh_seconds=REFRESH_SECONDS if told.running else None,
    )


@router.post("/{bulk_id}/{control}")
async def control_run(
    request: Request,
    context: WithContext,
    session: SignedIn,
    school: OfSchool,
    bulk_id: UUID,
    control: Control,
    form: SignedForm,
) -> Response:
    session.need(May.INVITE_MANY)
    here = f"/admin/schools/{school.school_id}/invite/{bulk_id}"
    caller = session.caller(school.school_id, "invitations:write")
    return await done(request, commands.control_bulk(context.owners, caller, bulk_id, control), here)


def _selection(form: Form) -> dict[str, Any]:
    """Selected students, or everybody; raises Problem 422 when nothing is selected."""
    if form.text("who") == "all":
        return {"all": True}
    chosen = form.all("student_id")
    try:
        students = [str(UUID(student)) for student in chosen]
    except ValueError:
        raise Problem(422, "bad_selection", "The selection could not be read.", field="student_id") from None
    if not students:
        raise Problem(422, "nothing_selected", "Select at least one student first.", field="student_id")
    return {"student_ids": students}

"""One parent's page: children, contacts, the timeline (C8), and what staff do about it."""

from datetime import timedelta
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response

from services.dashboard.channels.owners import CommandError
from services.dashboard.domain.directory import School
from services.dashboard.domain.rows import ParentRow
from services.dashboard.domain.staff import May
from services.dashboard.domain.status import Delivery
from services.dashboard.http.context import (
    Context,
    OfSchool,
    Session,
    SignedIn,
    WithContext,
    context_of,
)
from services.dashboard.http.forms import Form, SignedForm
from services.dashboard.http.render import go, page
from services.dashboard.service import commands
from services.dashboard.service.staff import names_of_actors
from services.dashboard.service.waiting import shown
from services.dashboard.views.parents import find_parent, timeline_of
from shared.runtime.database import Transaction
from shared.runtime.web import Problem

router = APIRouter(prefix="/admin/schools/{school_id}/parents/{parent_id}", include_in_schema=False)
ASK_AGAIN_WITHIN = timedelta(hours=24)


@router.get("")
async def show(
    request: Request, context: WithContext, session: SignedIn, school: OfSchool, parent_id: UUID
) -> Response:
    parent = await _get(context, school, parent_id)
    return await _page(request, session, school, parent)


@router.post("")
async def edit(
    request: Request,
    context: WithContext,
    session: SignedIn,
    school: OfSchool,
    parent_id: UUID,
    form: SignedForm,
) -> Response:
    """P17: the name and the contacts."""
    session.need(May.EDIT)
    parent = await _get(context, school, parent_id)
    typed = {name: form.text(name) for name in ("name", "email", "phone", "language")}
    try:
        caller = session.caller(school.school_id, "roster:write")
        await commands.edit_parent(context.owners, caller, parent_id, _changes(parent, typed))
    except CommandError as error:
        return await _page(request, session, school, parent, typed=typed, error=error)

    async def there(tx: Transaction) -> bool:
        now = await find_parent(tx, school.school_id, parent_id)
        return now is None or (now.name, now.contacts) != (parent.name, parent.contacts)

    if typed != _typed(parent):
        await shown(context.database, school.school_id, there)
    return go(request, _path(school, parent_id), "Saved.")


@router.post("/invite")
async def invite(
    request: Request,
    context: WithContext,
    session: SignedIn,
    school: OfSchool,
    parent_id: UUID,
    form: SignedForm,
) -> Response:
    """P7, P11, C10, C11: asked once more when the last message is less than a day old."""
    session.need(May.INVITE)
    channel = form.channel(context.settings.usable_channels)
    parent = await _get(context, school, parent_id)
    back = _back(form, school, parent_id)
    async with context.database.transaction(schools=[school.school_id]) as tx:
        now = tx.now
    recent = parent.last_invited_at is not None and now - parent.last_invited_at < ASK_AGAIN_WITHIN
    if recent and not form.ticked("sure"):
        return page(
            request,
            "invite_again.html",
            session,
            school=school,
            tab="",
            parent=parent,
            back=back,
            channel=channel,
        )
    try:
        caller = session.caller(school.school_id, "invitations:write")
        await commands.invite(context.owners, caller, parent_id, channel)
    except CommandError as error:
        return go(request, back, f"Not invited: {error.message}", bad=True)

    async def there(tx: Transaction) -> bool:
        row = await find_parent(tx, school.school_id, parent_id)
        return row is None or row.last_invited_at != parent.last_invited_at

    await shown(context.database, school.school_id, there)
    return go(request, back, await _done(context, school, parent_id))


@router.post("/withdraw")
async def withdraw(
    request: Request,
    context: WithContext,
    session: SignedIn,
    school: OfSchool,
    parent_id: UUID,
    form: SignedForm,
) -> Response:
    session.need(May.INVITE)
    parent = await _get(context, school, parent_id)
    back = _back(form, school, parent_id)
    try:
        caller = session.caller(school.school_id, "invitations:write")
        await commands.withdraw(context.owners, caller, parent_id)
    except CommandError as error:
        return go(request, back, f"Not withdrawn: {error.message}", bad=True)

    async def there(tx: Transaction) -> bool:
        row = await find_parent(tx, school.school_id, parent_id)
        return row is None or row.state != parent.state

    await shown(context.database, school.school_id, there)
    return go(request, back, "The invitation is withdrawn; its links no longer work.")


async def _done(context: Context, school: School, parent_id: UUID) -> str:
    """What became of the press so far: on its way, or held back for the night."""
    parent = await _get(context, school, parent_id)
    if parent.delivery is not Delivery.DEFERRED:
        return "The message is on its way."
    told = parent.explanation(school.timezone)
    return f"{told.reason} {told.next_step}"


async def _get(context: Context, school: School, parent_id: UUID) -> ParentRow:
    async with context.database.transaction(schools=[school.school_id]) as tx:
        parent = await find_parent(tx, school.school_id, parent_id)
    if parent is None:
        raise Problem(404, "parent_not_found", "There is no such parent in this school.")
    return parent


async def _page(
    request: Request,
    session: Session,
    school: School,
    parent: ParentRow,
    *,
    typed: dict[str, str] | None = None,
    error: CommandError | None = None,
) -> Response:
    context = context_of(request)
    async with context.database.transaction(schools=[school.school_id]) as tx:
        entries = await timeline_of(tx, school.school_id, parent.parent_id)
        names = await names_of_actors(tx, [entry.actor for entry in entries])
    return page(
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
        typed=typed or _typed(parent),
        error=error,
    )


def _typed(parent: ParentRow) -> dict[str, str]:
    return {
        "name": parent.name,
        "email": _address(parent, "email"),
        "phone": _address(parent, "phone"),
        "language": parent.language or "",
    }


def _address(parent: ParentRow, kind: str) -> str:
    """The contact that the form edits: the preferred one of the kind, else the first."""
    found = sorted((c for c in parent.contacts if c.kind == kind), key=lambda c: not c.preferred)
    return found[0].address if found else ""


def _changes(parent: ParentRow, typed: dict[str, str]) -> dict[str, str | None]:
    """Only what staff changed; an emptied field is null."""
    before = _typed(parent)
    return {name: value or None for name, value in typed.items() if value != before[name]}


def _path(school: School, parent_id: UUID) -> str:
    return f"/admin/schools/{school.school_id}/parents/{parent_id}"


def _back(form: Form, school: School, parent_id: UUID) -> str:
    """The page that the button stood on; anything but a page of this school is not followed."""
    wanted = urlsplit(form.text("back"))
    inside = wanted.path.startswith(f"/admin/schools/{school.school_id}")
    if wanted.scheme or wanted.netloc or not inside or "\\" in wanted.path or "//" in wanted.path:
        return _path(school, parent_id)
    return wanted.path + (f"?{wanted.query}" if wanted.query else "")

"""The schools, and one school at a glance."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response

from services.dashboard.channels.owners import CommandError
from services.dashboard.domain.staff import May
from services.dashboard.http.context import Context, OfSchool, Session, SignedIn, WithContext
from services.dashboard.http.forms import Form, SignedForm
from services.dashboard.http.render import go, page
from services.dashboard.service import commands
from services.dashboard.service.waiting import shown
from services.dashboard.views.parents import summarise, summarise_all
from services.dashboard.views.schools import find_school, list_schools
from shared.runtime.core import new_id
from shared.runtime.database import Transaction

router = APIRouter(include_in_schema=False)
FIELDS = ("name", "country", "language", "timezone", "credentials_mode")
DEFAULTS = {
    "name": "",
    "country": "",
    "language": "en",
    "timezone": "",
    "credentials_mode": "self_service",
}


@router.get("/admin/schools")
async def show_all(request: Request, context: WithContext, session: SignedIn) -> Response:
    return await _list(request, context, session, DEFAULTS)


@router.post("/admin/schools")
async def add(request: Request, context: WithContext, session: SignedIn, form: SignedForm) -> Response:
    session.need(May.ADD_SCHOOL)
    typed = {name: form.text(name) for name in FIELDS}
    try:
        caller = session.caller(None, "roster:write")
        school_id = await commands.add_school(context.owners, caller, _school(form), form.text("key"))
    except CommandError as error:
        return await _list(request, context, session, typed, error)

    async def there(tx: Transaction) -> bool:
        return await find_school(tx, school_id) is not None

    if not await shown(context.database, school_id, there):
        return go(request, "/admin/schools", f"{typed['name']} is being added. Reload this page in a moment.")
    return go(request, f"/admin/schools/{school_id}", "The school is ready. Import its families next.")


@router.get("/admin/schools/{school_id}")
async def overview(
    request: Request, context: WithContext, session: SignedIn, school: OfSchool, school_id: UUID
) -> Response:
    async with context.database.transaction(schools=[school_id]) as tx:
        summary = await summarise(tx, school_id)
    return page(request, "overview.html", session, school=school, summary=summary, tab="overview")


async def _list(
    request: Request,
    context: Context,
    session: Session,
    typed: dict[str, str],
    error: CommandError | None = None,
) -> Response:
    allowed = session.staff.school_ids
    async with context.database.transaction(schools=session.scope) as tx:
        schools = await list_schools(tx, allowed)
        summaries = await summarise_all(tx, [school.school_id for school in schools])
    return page(
        request,
        "schools.html",
        session,
        tab="schools",
        status=error.status if error else 200,
        schools=schools,
        summaries=summaries,
        typed=typed,
        error=error,
        key=str(new_id()),
    )


def _school(form: Form) -> dict[str, Any]:
    return {
        "name": form.text("name"),
        "country": form.text("country").upper(),
        "language": form.text("language") or "en",
        "timezone": form.text("timezone"),
        "credentials_mode": form.text("credentials_mode") or "self_service",
    }

"""Pages with the list of schools, a new school, and the overview of one school."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response

from services.dashboard.clients.http import ServiceError
from services.dashboard.domain.staff import Permission
from services.dashboard.http.context import AppContext, Context, PathSchool, Session, SignedInSession
from services.dashboard.http.forms import Form, SignedForm
from services.dashboard.http.render import redirect, render_page
from services.dashboard.use_cases.add_school import add_school
from services.dashboard.views.parents import summarise, summarise_all
from services.dashboard.views.schools import list_schools
from shared.runtime.core import new_id

router = APIRouter(include_in_schema=False)
DEFAULTS = {
    "name": "",
    "country": "",
    "language": "en",
    "timezone": "",
    "credentials_mode": "self_service",
}


@router.get("/admin/schools")
async def show_list(request: Request, context: AppContext, session: SignedInSession) -> Response:
    return await _render(request, context, session, DEFAULTS)


@router.post("/admin/schools")
async def add(request: Request, context: AppContext, session: SignedInSession, form: SignedForm) -> Response:
    session.require(Permission.ADD_SCHOOL)
    typed = {name: form.text(name) for name in DEFAULTS}
    try:
        school = await add_school(
            context.database,
            context.clients.roster,
            session.caller(None),
            _parse_school(form),
            form.text("key"),
        )
    except ServiceError as error:
        return await _render(request, context, session, typed, error)
    if not school.visible:
        return redirect(
            request, "/admin/schools", f"{typed['name']} is being added. Reload this page in a moment."
        )
    return redirect(
        request, f"/admin/schools/{school.school_id}", "The school is ready. Import its families next."
    )


@router.get("/admin/schools/{school_id}")
async def show_overview(
    request: Request, context: AppContext, session: SignedInSession, school: PathSchool, school_id: UUID
) -> Response:
    async with context.database.transaction(schools=[school_id]) as tx:
        summary = await summarise(tx, school_id)
    return render_page(request, "overview.html", session, school=school, summary=summary, tab="overview")


async def _render(
    request: Request,
    context: Context,
    session: Session,
    typed: dict[str, str],
    error: ServiceError | None = None,
) -> Response:
    async with context.database.transaction(schools=session.scope) as tx:
        schools = await list_schools(tx, session.staff.school_ids)
        summaries = await summarise_all(tx, [school.school_id for school in schools])
    return render_page(
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


def _parse_school(form: Form) -> dict[str, Any]:
    return {
        "name": form.text("name"),
        "country": form.text("country").upper(),
        "language": form.text("language") or "en",
        "timezone": form.text("timezone"),
        "credentials_mode": form.text("credentials_mode") or "self_service",
    }

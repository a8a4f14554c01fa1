"""Import of a spreadsheet, with its progress and the rows that could not be read.

Roster owns imports and decides everything about them, so the routes call its client directly.
"""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response

from services.dashboard.clients.http import ServiceError, Upload
from services.dashboard.domain.staff import Permission
from services.dashboard.http.context import AppContext, PathSchool, SignedInSession
from services.dashboard.http.forms import SignedForm, read_upload
from services.dashboard.http.progress_pages import get_or_problem, render_form, run_and_return
from services.dashboard.http.render import redirect, render_page

UPLOAD_PATH = "/admin/schools/{school_id}/import"
"""Path of the one route whose body may be a file."""
router = APIRouter(prefix=UPLOAD_PATH, include_in_schema=False)
REFRESH_SECONDS = 2
MAX_ERRORS_SHOWN = 200


@router.get("")
async def show_form(request: Request, session: SignedInSession, school: PathSchool) -> Response:
    session.require(Permission.IMPORT)
    return render_form(request, session, school, "import")


@router.post("")
async def upload(
    request: Request, context: AppContext, session: SignedInSession, school: PathSchool
) -> Response:
    session.require(Permission.IMPORT)
    file, form = await read_upload(request, session)
    fields = {name: "true" for name in ("dry_run", "skip_bad_rows") if form.is_ticked(name)}
    try:
        import_id = await context.clients.roster.start_import(
            session.caller(school.school_id), Upload(file.filename or "families.csv", file.file, fields)
        )
    except ServiceError as error:
        return render_form(request, session, school, "import", error)
    finally:
        await file.close()
    return redirect(request, f"/admin/schools/{school.school_id}/import/{import_id}")


@router.get("/{import_id}")
async def show_progress(
    request: Request, context: AppContext, session: SignedInSession, school: PathSchool, import_id: UUID
) -> Response:
    session.require(Permission.IMPORT)
    caller = session.caller(school.school_id)
    import_run = await get_or_problem(context.clients.roster.get_import(caller, import_id), "import_unknown")
    return render_page(
        request,
        "import_progress.html",
        session,
        school=school,
        tab="import",
        import_run=import_run,
        errors=import_run.errors[:MAX_ERRORS_SHOWN],
        refresh_seconds=REFRESH_SECONDS if import_run.busy else None,
    )


@router.post("/{import_id}/apply")
async def apply(
    request: Request,
    context: AppContext,
    session: SignedInSession,
    school: PathSchool,
    import_id: UUID,
    form: SignedForm,
) -> Response:
    session.require(Permission.IMPORT)
    back = f"/admin/schools/{school.school_id}/import/{import_id}"
    caller = session.caller(school.school_id)
    return await run_and_return(request, context.clients.roster.apply_import(caller, import_id), back)

"""Importing a spreadsheet of families, with progress and the rows that could not be read."""

from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response

from services.dashboard.channels.owners import CommandError, Upload
from services.dashboard.domain.staff import May
from services.dashboard.http.context import OfSchool, SignedIn, WithContext
from services.dashboard.http.forms import SignedForm, uploaded_file
from services.dashboard.http.render import go, page
from services.dashboard.http.runs import done, form_page, found
from services.dashboard.service import commands

router = APIRouter(prefix="/admin/schools/{school_id}/import", include_in_schema=False)
REFRESH_SECONDS = 2
ERRORS_SHOWN = 200


@router.get("")
async def start(request: Request, session: SignedIn, school: OfSchool) -> Response:
    session.need(May.IMPORT)
    return form_page(request, session, school, "import")


@router.post("")
async def upload(request: Request, context: WithContext, session: SignedIn, school: OfSchool) -> Response:
    session.need(May.IMPORT)
    file, form = await uploaded_file(request, session)
    fields = {name: "true" for name in ("dry_run", "skip_bad_rows") if form.ticked(name)}
    try:
        import_id = await commands.start_import(
            context.owners,
            session.caller(school.school_id, "roster:write"),
            Upload(file.filename or "families.csv", file.file, fields),
        )
    except CommandError as error:
        return form_page(request, session, school, "import", error)
    finally:
        await file.close()
    return go(request, f"/admin/schools/{school.school_id}/import/{import_id}")


@router.get("/{import_id}")
async def progress(
    request: Request, context: WithContext, session: SignedIn, school: OfSchool, import_id: UUID
) -> Response:
    session.need(May.IMPORT)
    caller = session.caller(school.school_id, "roster:read")
    told = await found(commands.get_import(context.owners, caller, import_id), "import_unknown")
    return page(
        request,
        "import_progress.html",
        session,
        school=school,
        tab="import",
        told=told,
        errors=told.errors[:ERRORS_SHOWN],
        refresh_seconds=REFRESH_SECONDS if told.busy else None,
    )


@router.post("/{import_id}/apply")
async def apply(
    request: Request,
    context: WithContext,
    session: SignedIn,
    school: OfSchool,
    import_id: UUID,
    form: SignedForm,
) -> Response:
    session.need(May.IMPORT)
    here = f"/admin/schools/{school.school_id}/import/{import_id}"
    caller = session.caller(school.school_id, "roster:write")
    return await done(request, commands.apply_import(context.owners, caller, import_id), here)

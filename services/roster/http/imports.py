"""Routes of imports: upload a file, read its state, apply its preview, download the report."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from starlette.datastructures import FormData, UploadFile

from services.roster.domain.errors import import_not_found
from services.roster.http.context import DEFAULT_PAGE, SCHOOL, AppContext, Cursor, Key, Limit, WriteRequest
from services.roster.http.schemas import ApplyBody
from services.roster.use_cases.upload_import import Upload, confirm_import, upload_import
from services.roster.views import imports as views
from services.roster.views.schools import check_school
from shared.runtime.database import Transaction
from shared.runtime.web import Problem, ReadRoster, WriteRoster, reject_revoked, too_large

IMPORTS = f"{SCHOOL}/imports"
IMPORT = f"{IMPORTS}/{{import_id}}"
CHUNK_BYTES = 1024 * 1024
MAX_FIELDS = 10
router = APIRouter(tags=["imports"])
_TRUE, _FALSE = {"true", "1", "yes", "on"}, {"false", "0", "no", "off", ""}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "dry_run": {"type": "boolean", "default": False},
                        "skip_bad_rows": {"type": "boolean", "default": False},
                    },
                }
            }
        },
    }
}


@router.post(IMPORTS, status_code=202, openapi_extra=_BODY)
async def post_import(
    school_id: UUID, request: Request, ctx: AppContext, principal: WriteRoster, key: Key = None
) -> JSONResponse:
    """Upload a CSV or XLSX file. It is read, and applied unless `dry_run`; nobody is ever invited by an import."""
    async with request.form(max_files=1, max_fields=MAX_FIELDS) as form:
        await reject_revoked(request, principal)
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise Problem(
                422,
                "file_required",
                "Send the file as multipart/form-data in the field 'file'.",
                field="file",
            )
        size = file.size or 0
        if size > ctx.import_max_bytes:
            raise too_large(ctx.import_max_bytes)
        upload = Upload(
            file.filename or "", size, _flag(form, request, "dry_run"), _flag(form, request, "skip_bad_rows")
        )
        field = form.get("idempotency_key")
        body = {
            "digest": await _digest(file),
            "dry_run": upload.dry_run,
            "skip_bad_rows": upload.skip_bad_rows,
        }

        async def work(tx: Transaction) -> Any:
            import_id = await upload_import(
                tx, school_id, upload, _iterate_chunks(file), actor=principal.actor
            )
            return await views.find_import(tx, school_id, import_id)

        body_key = field if isinstance(field, str) else None
        write = WriteRequest(ctx, principal, "POST imports", school_id, key, body_key, body)
        return await write.run(work, 202)


@router.get(IMPORTS)
async def get_imports(
    school_id: UUID,
    ctx: AppContext,
    principal: ReadRoster,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_PAGE,
) -> Any:
    """List imports, newest first."""
    async with ctx.database.transaction(schools=[school_id]) as tx:
        await check_school(tx, school_id)
        return await views.list_imports(tx, school_id, cursor, limit)


@router.get(IMPORT)
async def get_import(school_id: UUID, import_id: UUID, ctx: AppContext, principal: ReadRoster) -> Any:
    """Return state, counts and errors of an import."""
    async with ctx.database.transaction(schools=[school_id]) as tx:
        await check_school(tx, school_id)
        shown = await views.find_import(tx, school_id, import_id)
    if shown is None:
        raise import_not_found()
    return shown


@router.post(f"{IMPORT}/apply", status_code=202)
async def post_apply(
    school_id: UUID, import_id: UUID, ctx: AppContext, principal: WriteRoster, body: ApplyBody | None = None
) -> JSONResponse:
    """Apply a preview; repeating the request changes nothing."""

    async def work(tx: Transaction) -> Any:
        skip = body is not None and body.skip_bad_rows
        await confirm_import(tx, school_id, import_id, skip_bad_rows=skip, actor=principal.actor)
        return await views.find_import(tx, school_id, import_id)

    return await WriteRequest(ctx, principal, f"POST apply {import_id}", school_id).run(work, 202)


@router.get(f"{IMPORT}/report.csv", response_class=Response)
async def get_report(school_id: UUID, import_id: UUID, ctx: AppContext, principal: ReadRoster) -> Response:
    """Return every error as CSV that is safe to open in a spreadsheet."""
    async with ctx.database.transaction(schools=[school_id]) as tx:
        await check_school(tx, school_id)
        report = await views.find_report(tx, school_id, import_id)
    if report is None:
        raise import_not_found()
    headers = {"Content-Disposition": f'attachment; filename="import-{import_id}.csv"'}
    return Response("\ufeff" + report, media_type="text/csv; charset=utf-8", headers=headers)


def _flag(form: FormData, request: Request, name: str) -> bool:
    value = form.get(name, request.query_params.get(name, "false"))
    text = value.strip().lower() if isinstance(value, str) else "?"
    if text not in _TRUE | _FALSE:
        raise Problem(422, "not_a_boolean", "Use true or false.", field=name)
    return text in _TRUE


async def _digest(file: UploadFile) -> str:
    digest = hashlib.sha256()
    async for chunk in _iterate_chunks(file):
        digest.update(chunk)
    return digest.hexdigest()


async def _iterate_chunks(file: UploadFile) -> AsyncIterator[bytes]:
    await file.seek(0)
    while chunk := await file.read(CHUNK_BYTES):
        yield chunk

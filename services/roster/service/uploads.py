"""Taking a file in, and saying yes to a preview."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

from services.roster.domain.importing import ImportState
from services.roster.service.refusals import get_school
from services.roster.storage import imports as rows
from services.roster.storage import staging
from shared.runtime.core import new_id
from shared.runtime.database import Transaction
from shared.runtime.observability import current_traceparent
from shared.runtime.web import Problem


@dataclass(frozen=True, slots=True)
class Upload:
    """A file and what to do with it."""

    filename: str
    size_bytes: int
    dry_run: bool
    skip_bad_rows: bool


async def start_import(
    tx: Transaction, school_id: UUID, upload: Upload, pieces: AsyncIterator[bytes], *, actor: str | None
) -> UUID:
    """Keep the file; a worker reads it. Raises Problem 404 or 422 `file_empty`."""
    await get_school(tx, school_id)
    if upload.size_bytes == 0:
        raise Problem(422, "file_empty", "The file is empty.", field="file")
    import_id = new_id()
    await rows.create_import(
        tx,
        {
            "school_id": school_id,
            "import_id": import_id,
            "dry_run": upload.dry_run,
            "skip_bad_rows": upload.skip_bad_rows,
            "filename": "".join(c for c in upload.filename if c.isprintable())[:200],
            "size_bytes": upload.size_bytes,
            "actor": actor,
            "traceparent": current_traceparent(),
        },
    )
    position = 0
    async for piece in pieces:
        await staging.add_chunk(tx, school_id, import_id, position, piece)
        position += 1
    return import_id


async def confirm_import(
    tx: Transaction, school_id: UUID, import_id: UUID, *, skip_bad_rows: bool, actor: str | None
) -> None:
    """Apply a previewed import. Doing it twice is doing it once. Raises Problem 404 or 409."""
    await get_school(tx, school_id)
    found = await rows.lock_import(tx, school_id, import_id)
    if found is None:
        raise import_not_found()
    if found.state in (ImportState.APPLYING, ImportState.APPLIED):
        return
    if found.state is not ImportState.PREVIEW:
        raise Problem(
            409, "not_in_preview", f"This import is {found.state.value}; only a preview can be applied."
        )
    if found.counts.rows_refused and not (skip_bad_rows or found.skip_bad_rows):
        raise Problem(
            409,
            "rows_refused",
            f"{found.counts.rows_refused} rows cannot be taken. Correct the file, or send skip_bad_rows.",
            field="skip_bad_rows",
        )
    await rows.start_applying(tx, school_id, import_id, skip_bad_rows=skip_bad_rows, actor=actor)


def import_not_found() -> Problem:
    """404."""
    return Problem(404, "import_not_found", "There is no such import in this school.")

"""Use cases of an import that requests call: uploading a file, and confirming a preview."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

from services.roster.domain.errors import file_empty, import_not_found, not_in_preview, rows_refused
from services.roster.domain.import_state import ImportState
from services.roster.storage.import_staging import insert_chunk
from services.roster.storage.imports import insert_import, lock_import, start_applying
from services.roster.storage.schools import get_school
from shared.runtime.core import new_id
from shared.runtime.database import Transaction
from shared.runtime.observability import current_traceparent

MAX_FILENAME = 200


@dataclass(frozen=True, slots=True)
class Upload:
    """File to import, and the options of the import."""

    filename: str
    size_bytes: int
    dry_run: bool
    skip_bad_rows: bool


async def upload_import(
    tx: Transaction, school_id: UUID, upload: Upload, chunks: AsyncIterator[bytes], *, actor: str | None
) -> UUID:
    """Save a file for a worker to process, and return the import's id. Raises NotFound or InvalidInput."""
    await get_school(tx, school_id)
    if upload.size_bytes == 0:
        raise file_empty()
    import_id = new_id()
    await insert_import(
        tx,
        {
            "school_id": school_id,
            "import_id": import_id,
            "dry_run": upload.dry_run,
            "skip_bad_rows": upload.skip_bad_rows,
            "filename": "".join(c for c in upload.filename if c.isprintable())[:MAX_FILENAME],
            "size_bytes": upload.size_bytes,
            "actor": actor,
            "traceparent": current_traceparent(),
        },
    )
    position = 0
    async for chunk in chunks:
        await insert_chunk(tx, school_id, import_id, position, chunk)
        position += 1
    return import_id


async def confirm_import(
    tx: Transaction, school_id: UUID, import_id: UUID, *, skip_bad_rows: bool, actor: str | None
) -> None:
    """Have a previewed import applied; nothing happens if it is confirmed already. Raises NotFound or Conflict."""
    await get_school(tx, school_id)
    preview = await lock_import(tx, school_id, import_id)
    if preview is None:
        raise import_not_found()
    if preview.state in (ImportState.APPLYING, ImportState.APPLIED):
        return
    if preview.state is not ImportState.PREVIEW:
        raise not_in_preview(preview.state.value)
    if preview.counts.rows_refused and not (skip_bad_rows or preview.skip_bad_rows):
        raise rows_refused(preview.counts.rows_refused)
    await start_applying(tx, school_id, import_id, skip_bad_rows=skip_bad_rows, actor=actor)

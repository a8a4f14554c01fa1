"""Processing of a claimed import: read the file in a process of its own, stage its rows, then preview or apply them.

Each step runs in transactions of its own that first extend or lock the claim, and can be repeated by the next worker.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path

from services.roster.domain.import_state import ImportCounts, ImportState, state_after_reading
from services.roster.domain.people import School
from services.roster.spreadsheet.process import ReadingFailedError, read_lines
from services.roster.storage import import_staging, imports
from services.roster.storage.imports import ImportClaim
from services.roster.storage.schools import claim_school, get_school
from services.roster.use_cases.apply_import import apply_staged_rows
from shared.runtime.database import Database, Transaction

_INTERRUPTED = "The import was interrupted too often. Nothing was changed; please send the file again."
_SET_ASIDE = "The import could not be processed because of an error in Kinvite. Nothing was changed."
_LIMITS_EXCEEDED = "The file could not be read within the limits of memory and time. Nothing was changed."


class ClaimLostError(Exception):
    """Another worker has claimed the import."""


class _PreviewRollback(Exception):
    def __init__(self, counts: ImportCounts) -> None:
        super().__init__()
        self.counts = counts


async def process_import(database: Database, claim: ImportClaim) -> None:
    """Bring a claimed import to `preview`, `applied`, `refused` or `failed`. Raises ClaimLostError."""
    if claim.claims > imports.MAX_CLAIMS:
        await _finish(database, claim, ImportState.FAILED, claim.counts, _INTERRUPTED)
        return
    counts = claim.counts
    if claim.state is ImportState.VALIDATING or not await _is_staged(database, claim):
        try:
            state, counts = await _validate(database, claim)
        except ReadingFailedError:
            await _finish(database, claim, ImportState.FAILED, claim.counts, _LIMITS_EXCEEDED)
            return
        if claim.state is ImportState.VALIDATING:
            if state is ImportState.PREVIEW:
                counts = await _preview(database, claim, counts)
            await _finish(database, claim, state, counts)
            if state is not ImportState.APPLYING:
                return
    await _apply(database, claim, counts)


async def end_failed_import(database: Database, claim: ImportClaim) -> None:
    """End an import that was set aside, so that staff see it. Raises ClaimLostError."""
    await _finish(database, claim, ImportState.FAILED, claim.counts, _SET_ASIDE)


async def _is_staged(database: Database, claim: ImportClaim) -> bool:
    """Return whether all rows of a confirmed import are staged; if not, its file is read again."""
    async with database.transaction() as tx:
        await _renew(tx, claim)
        staged = await import_staging.count_rows(tx, claim)
    return (staged.rows, staged.rows_refused) == (claim.counts.rows, claim.counts.rows_refused)


async def _validate(database: Database, claim: ImportClaim) -> tuple[ImportState, ImportCounts]:
    """Stage the file's rows and errors; return the next state and how many rows there are."""
    async with database.transaction() as tx:
        await _renew(tx, claim)
        school = await get_school(tx, claim.school_id)
        await import_staging.delete_results(tx, claim)
    with tempfile.TemporaryDirectory(prefix="kinvite-import-") as directory:
        path = Path(directory) / "file"
        await _write_file(database, claim, path)
        unreadable, number_column = await _stage_rows(database, claim, school, path)
    async with database.transaction() as tx:
        await _renew(tx, claim)
        if number_column:
            await import_staging.refuse_duplicate_numbers(tx, claim, number_column)
        counts = await import_staging.count_rows(tx, claim)
    state = state_after_reading(
        dry_run=claim.dry_run, skip_bad_rows=claim.skip_bad_rows, unreadable=unreadable, counts=counts
    )
    return state, counts


async def _write_file(database: Database, claim: ImportClaim, path: Path) -> None:
    position = 0
    with path.open("wb") as file:
        while True:
            async with database.transaction() as tx:
                await _renew(tx, claim)
                data = await import_staging.find_chunk(tx, claim, position)
            if data is None:
                return
            await asyncio.to_thread(file.write, data)
            position += 1


async def _stage_rows(database: Database, claim: ImportClaim, school: School, path: Path) -> tuple[bool, str]:
    """Stage what the reading process writes; return whether it refused the file, and the title of the number column."""
    number_column, position = "", 0
    async with read_lines(path, school.contact_context) as lines:
        async for line in lines:
            message = json.loads(line)
            entries = (await anext(lines)).decode() if "rows" in message else ""
            async with database.transaction() as tx:
                await _renew(tx, claim)
                if "refused" in message:
                    await import_staging.insert_errors(tx, claim, [message["refused"]])
                    return True, number_column
                if "ignored" in message:
                    number_column = message["number"]
                    await imports.save_ignored_columns(tx, claim, message["ignored"])
                if "rows" in message:
                    batch = import_staging.StagedRows(
                        message["rows"], entries, message.get("numbers"), message.get("name_keys")
                    )
                    await import_staging.insert_batch(tx, claim, position, batch)
                    await import_staging.insert_errors(tx, claim, message["errors"])
                    position += bool(batch.rows)
    return False, number_column


async def _preview(database: Database, claim: ImportClaim, counts: ImportCounts) -> ImportCounts:
    """Return what applying would do: apply, count, and roll back."""
    try:
        async with database.transaction() as tx:
            await _lock(tx, claim)
            school = await claim_school(tx, claim.school_id, background=True)
            raise _PreviewRollback(await apply_staged_rows(tx, school, claim, counts))
    except _PreviewRollback as preview:
        return preview.counts


async def _apply(database: Database, claim: ImportClaim, counts: ImportCounts) -> None:
    async with database.transaction() as tx:
        await _lock(tx, claim)
        school = await claim_school(tx, claim.school_id, background=True)
        applied = await apply_staged_rows(tx, school, claim, counts)
        await imports.save_state(tx, claim, ImportState.APPLIED, applied)
        await import_staging.delete_file(tx, claim)


async def _finish(
    database: Database,
    claim: ImportClaim,
    state: ImportState,
    counts: ImportCounts,
    failure: str | None = None,
) -> None:
    async with database.transaction() as tx:
        await _lock(tx, claim)
        await imports.save_state(tx, claim, state, counts, failure)
        if state.is_final:
            await import_staging.delete_file(tx, claim)


async def _renew(tx: Transaction, claim: ImportClaim) -> None:
    if not await imports.renew_claim(tx, claim):
        raise ClaimLostError


async def _lock(tx: Transaction, claim: ImportClaim) -> None:
    if not await imports.lock_claim(tx, claim):
        raise ClaimLostError

"""The work on an import: read the file in its own process, stage, decide, apply. Every step can be done again."""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path

from services.roster.domain.importing import Counts, ImportState, after_reading
from services.roster.domain.school import School
from services.roster.service.applying import apply_rows
from services.roster.service.reader import ReadingFailedError, reading
from services.roster.service.refusals import claim_school, get_school
from services.roster.storage import imports as rows
from services.roster.storage import staging
from services.roster.storage.imports import ImportClaim
from services.roster.storage.staging import Batch
from shared.runtime.database import Database, Transaction

_INTERRUPTED = "The import was interrupted too often. Nothing was changed; please send the file again."
_TOO_MUCH = "The file could not be read within the limits of memory and time. Nothing was changed."


class ClaimLostError(Exception):
    """Another worker has taken the import over."""


class _RolledBack(Exception):
    def __init__(self, counts: Counts) -> None:
        self.counts = counts


async def run_import(database: Database, claim: ImportClaim) -> None:
    """Bring a claimed import to rest: `preview`, `applied`, `refused` or `failed`. Raises ClaimLostError."""
    if claim.claims > rows.MAX_CLAIMS:
        await _finish(database, claim, ImportState.FAILED, claim.counts, _INTERRUPTED)
        return
    counts = claim.counts
    if claim.state is ImportState.VALIDATING or not await _is_staged(database, claim):
        try:
            state, counts = await _validate(database, claim)
        except ReadingFailedError:
            await _finish(database, claim, ImportState.FAILED, claim.counts, _TOO_MUCH)
            return
        if claim.state is ImportState.VALIDATING:
            if state is ImportState.PREVIEW:
                counts = await _preview(database, claim, counts)
            await _finish(database, claim, state, counts)
            if state is not ImportState.APPLYING:
                return
    await _apply(database, claim, counts)


async def _is_staged(database: Database, claim: ImportClaim) -> bool:
    """Whether all rows of a confirmed import are there; an older version of Kinvite has staged them elsewhere."""
    async with database.transaction() as tx:
        await _renew(tx, claim)
        found = await staging.count_rows(tx, claim)
    return (found.rows, found.rows_refused) == (claim.counts.rows, claim.counts.rows_refused)


async def _validate(database: Database, claim: ImportClaim) -> tuple[ImportState, Counts]:
    async with database.transaction() as tx:
        await _renew(tx, claim)
        school = await get_school(tx, claim.school_id)
        await staging.clear_staging(tx, claim, everything=False)
    with tempfile.TemporaryDirectory(prefix="kinvite-import-") as directory:
        path = Path(directory) / "file"
        await _fetch(database, claim, path)
        unreadable, number = await _stage(database, claim, school, path)
    async with database.transaction() as tx:
        await _renew(tx, claim)
        if number:
            await staging.refuse_duplicates(tx, claim, number)
        counts = await staging.count_rows(tx, claim)
    state = after_reading(
        dry_run=claim.dry_run, skip_bad_rows=claim.skip_bad_rows, unreadable=unreadable, counts=counts
    )
    return state, counts


async def _fetch(database: Database, claim: ImportClaim, path: Path) -> None:
    position = 0
    with path.open("wb") as file:
        while True:
            async with database.transaction() as tx:
                await _renew(tx, claim)
                data = await staging.find_chunk(tx, claim, position)
            if data is None:
                return
            await asyncio.to_thread(file.write, data)
            position += 1


async def _stage(database: Database, claim: ImportClaim, school: School, path: Path) -> tuple[bool, str]:
    """Whether the file as a whole was refused, and what it calls the students' numbers."""
    number, position = "", 0
    async with reading(path, school.surroundings) as lines:
        async for line in lines:
            said = json.loads(line)
            entries = (await anext(lines)).decode() if "rows" in said else ""
            async with database.transaction() as tx:
                await _renew(tx, claim)
                if "refused" in said:
                    await staging.stage_errors(tx, claim, [said["refused"]])
                    return True, number
                if "ignored" in said:
                    number = said["number"]
                    await rows.note_ignored_columns(tx, claim, said["ignored"])
                if "rows" in said:
                    keys = said.get("numbers"), said.get("name_keys")
                    await staging.stage_batch(tx, claim, position, Batch(said["rows"], entries, *keys))
                    await staging.stage_errors(tx, claim, said["errors"])
                    position += bool(said["rows"])
    return False, number


async def _preview(database: Database, claim: ImportClaim, counts: Counts) -> Counts:
    """What applying would do: done, counted, and rolled back."""
    try:
        async with database.transaction() as tx:
            await _hold(tx, claim)
            school = await claim_school(tx, claim.school_id, patient=True)
            raise _RolledBack(await apply_rows(tx, school, claim, counts))
    except _RolledBack as done:
        return done.counts


async def _apply(database: Database, claim: ImportClaim, counts: Counts) -> None:
    async with database.transaction() as tx:
        await _hold(tx, claim)
        school = await claim_school(tx, claim.school_id, patient=True)
        done = await apply_rows(tx, school, claim, counts)
        await rows.move_import(tx, claim, ImportState.APPLIED, done)
        await staging.clear_staging(tx, claim, everything=True)


async def _finish(
    database: Database, claim: ImportClaim, state: ImportState, counts: Counts, failure: str | None = None
) -> None:
    async with database.transaction() as tx:
        await _hold(tx, claim)
        await rows.move_import(tx, claim, state, counts, failure)
        if state in (ImportState.REFUSED, ImportState.FAILED):
            await staging.clear_staging(tx, claim, everything=True)


async def _renew(tx: Transaction, claim: ImportClaim) -> None:
    if not await rows.renew_claim(tx, claim):
        raise ClaimLostError


async def _hold(tx: Transaction, claim: ImportClaim) -> None:
    if not await rows.hold_claim(tx, claim):
        raise ClaimLostError

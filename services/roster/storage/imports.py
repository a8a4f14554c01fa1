"""Imports: the file, its staged rows, its faults, and who works on it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.roster.domain.importing import Counts, ImportState
from services.roster.storage.records import as_json
from shared.runtime.database import Transaction

CLAIM_SECONDS = 15
MAX_CLAIMS = 5

_CREATE = text(
    """
    INSERT INTO imports (school_id, import_id, state, dry_run, skip_bad_rows, filename, size_bytes, actor, traceparent)
    VALUES (:school_id, :import_id, 'validating', :dry_run, :skip_bad_rows, :filename, :size_bytes, :actor,
            :traceparent)
    """
)
_ADD_CHUNK = text("INSERT INTO import_chunks VALUES (:school_id, :import_id, :position, :data)")
_CHUNK = text(
    """
    SELECT data FROM import_chunks
     WHERE school_id = :school_id AND import_id = :import_id AND position = :position
    """
)
_CLAIM = text(
    f"""
    UPDATE imports SET claims = claims + 1, claimed_until = clock_timestamp() + interval '{CLAIM_SECONDS} s'
     WHERE (school_id, import_id) = (
           SELECT school_id, import_id FROM imports
            WHERE state IN ('validating', 'applying') AND (claimed_until IS NULL OR claimed_until < now())
            ORDER BY created_at LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING school_id, import_id, state, dry_run, skip_bad_rows, claims, actor, traceparent, counts
    """
)
_RENEW = text(
    f"""
    UPDATE imports SET claimed_until = clock_timestamp() + interval '{CLAIM_SECONDS} s'
     WHERE school_id = :school_id AND import_id = :import_id AND claims = :claims
       AND state IN ('validating', 'applying')
    RETURNING import_id
    """
)
_STAGE = text(
    """
    INSERT INTO import_rows (school_id, import_id, row, number, name_key, entry)
    SELECT :school_id, :import_id, r.* FROM jsonb_to_recordset(CAST(:rows AS jsonb))
        AS r (row integer, number text, name_key text, entry jsonb)
    """
)
_STAGE_ERRORS = text(
    """
    INSERT INTO import_errors (school_id, import_id, row, "column", value, code, message)
    SELECT :school_id, :import_id, r.* FROM jsonb_to_recordset(CAST(:rows AS jsonb))
        AS r (row integer, "column" text, value text, code text, message text)
    """
)
_UNSTAGE = tuple(
    text(f"DELETE FROM {table} WHERE school_id = :school_id AND import_id = :import_id")
    for table in ("import_rows", "import_chunks", "import_errors")
)
# Two plain statements: a join would be planned for a table that still counts as empty, and take minutes.
_TWICE = text(
    """
    SELECT row, number, first_row FROM (
        SELECT row, number, name_key, first_value(row) OVER same AS first_row,
               first_value(name_key) OVER same AS first_key
          FROM import_rows
         WHERE school_id = :school_id AND import_id = :import_id AND number IS NOT NULL
        WINDOW same AS (PARTITION BY number ORDER BY row)) AS marked
     WHERE name_key <> first_key ORDER BY row
    """
)
_UNSTAGE_ROWS = text(
    """
    DELETE FROM import_rows
     WHERE school_id = :school_id AND import_id = :import_id AND row = ANY(CAST(:rows AS integer[]))
    """
)
_ROWS = text(
    """
    SELECT row, entry FROM import_rows
     WHERE school_id = :school_id AND import_id = :import_id AND row > :after ORDER BY row LIMIT :limit
    """
)
_COUNT = text(
    """
    SELECT (SELECT count(*) FROM import_rows WHERE school_id = :school_id AND import_id = :import_id) AS taken,
           (SELECT count(DISTINCT row) FROM import_errors WHERE school_id = :school_id AND import_id = :import_id)
               AS refused
    """
)
_HOLD = text(
    """
    SELECT import_id FROM imports
     WHERE school_id = :school_id AND import_id = :import_id AND claims = :claims
       AND state IN ('validating', 'applying') FOR UPDATE
    """
)
_MOVE = text(
    """
    UPDATE imports
       SET state = :state, counts = CAST(:counts AS jsonb), failure = :failure,
           finished_at = CASE WHEN :final THEN now() END
     WHERE school_id = :school_id AND import_id = :import_id
    """
)
_IGNORED = text(
    """
    UPDATE imports SET ignored_columns = CAST(:columns AS text[])
     WHERE school_id = :school_id AND import_id = :import_id
    """
)
_RELEASE = text(
    """
    UPDATE imports SET state = 'applying', skip_bad_rows = skip_bad_rows OR :skip_bad_rows, claims = 0,
                       claimed_until = NULL, actor = :actor
     WHERE school_id = :school_id AND import_id = :import_id
    """
)
_LOCK = text(
    """
    SELECT state, counts, skip_bad_rows FROM imports WHERE school_id = :school_id AND import_id = :import_id FOR UPDATE
    """
)


@dataclass(frozen=True, slots=True)
class ImportClaim:
    """An import that this worker works on, as long as nobody else has claimed it since."""

    school_id: UUID
    import_id: UUID
    state: ImportState
    dry_run: bool
    skip_bad_rows: bool
    claims: int
    actor: str | None
    traceparent: str | None
    counts: Counts

    @property
    def ids(self) -> dict[str, Any]:
        return {"school_id": self.school_id, "import_id": self.import_id}


async def create_import(tx: Transaction, values: dict[str, Any]) -> None:
    """A new import in `validating`."""
    await tx.execute(_CREATE, values)


async def add_chunk(tx: Transaction, school_id: UUID, import_id: UUID, position: int, data: bytes) -> None:
    """A piece of the uploaded file."""
    await tx.execute(
        _ADD_CHUNK, {"school_id": school_id, "import_id": import_id, "position": position, "data": data}
    )


async def find_chunk(tx: Transaction, claim: ImportClaim, position: int) -> bytes | None:
    """A piece of the file, or None after the last."""
    data: bytes | None = await tx.scalar(_CHUNK, {**claim.ids, "position": position})
    return data


async def claim_import(tx: Transaction) -> ImportClaim | None:
    """The oldest import with work to do that nobody is at; it is ours for CLAIM_SECONDS at a time."""
    row = await tx.row(_CLAIM)
    if row is None:
        return None
    return ImportClaim(
        row.school_id,
        row.import_id,
        ImportState(row.state),
        row.dry_run,
        row.skip_bad_rows,
        row.claims,
        row.actor,
        row.traceparent,
        Counts(**row.counts),
    )


async def renew_claim(tx: Transaction, claim: ImportClaim) -> bool:
    """Whether the import is still ours, for another CLAIM_SECONDS."""
    return await tx.scalar(_RENEW, {**claim.ids, "claims": claim.claims}) is not None


async def expect_many_rows(tx: Transaction) -> None:
    """Until the transaction ends, look rows up by index: it fills tables that the planner still takes for empty."""
    await tx.execute("SET LOCAL enable_seqscan = off")
    await tx.execute("SET LOCAL plan_cache_mode = force_custom_plan")


async def hold_claim(tx: Transaction, claim: ImportClaim) -> bool:
    """Whether the import is still ours, and until this transaction ends nobody else's."""
    return await tx.scalar(_HOLD, {**claim.ids, "claims": claim.claims}) is not None


async def stage_rows(tx: Transaction, claim: ImportClaim, rows: str, errors: str) -> None:
    """Two JSON arrays as the reader wrote them."""
    if rows != "[]":
        await tx.execute(_STAGE, {**claim.ids, "rows": rows})
    if errors != "[]":
        await tx.execute(_STAGE_ERRORS, {**claim.ids, "rows": errors})


async def refuse_duplicates(tx: Transaction, claim: ImportClaim) -> None:
    """One number cannot be two students'; the first row stays."""
    twice = await tx.rows(_TWICE, claim.ids)
    errors = [
        {
            "row": row.row,
            "column": "number",
            "value": row.number,
            "code": "duplicate_number",
            "message": f"Row {row.first_row} has this number for a student with another name.",
        }
        for row in twice
    ]
    await stage_rows(tx, claim, "[]", as_json(errors))
    await tx.execute(_UNSTAGE_ROWS, {**claim.ids, "rows": [row.row for row in twice]})


async def count_rows(tx: Transaction, claim: ImportClaim) -> Counts:
    """How many rows were taken and refused."""
    row = await tx.row(_COUNT, claim.ids)
    assert row is not None
    return Counts(rows=row.taken + row.refused, rows_refused=row.refused)


async def note_ignored_columns(tx: Transaction, claim: ImportClaim, columns: list[str]) -> None:
    """Columns that mean nothing to us, for staff to see."""
    await tx.execute(_IGNORED, {**claim.ids, "columns": columns})


async def staged_rows(
    tx: Transaction, claim: ImportClaim, *, after: int, limit: int
) -> list[tuple[int, dict[str, Any]]]:
    """Row number and entry, in the file's order."""
    rows = await tx.rows(_ROWS, {**claim.ids, "after": after, "limit": limit})
    return [(row.row, row.entry) for row in rows]


async def clear_staging(tx: Transaction, claim: ImportClaim, *, everything: bool) -> None:
    """Forget staged rows and, with `everything`, the file; without, the faults, to read again."""
    rows, chunks, errors = _UNSTAGE
    for statement in (rows, chunks) if everything else (rows, errors):
        await tx.execute(statement, claim.ids)


async def move_import(
    tx: Transaction, claim: ImportClaim, state: ImportState, counts: Counts, failure: str | None = None
) -> None:
    """Into its next state."""
    final = state in (ImportState.APPLIED, ImportState.REFUSED, ImportState.FAILED)
    await tx.execute(
        _MOVE,
        {
            **claim.ids,
            "state": state,
            "counts": json.dumps(counts.plain()),
            "failure": failure,
            "final": final,
        },
    )


@dataclass(frozen=True, slots=True)
class LockedImport:
    """What decides whether an import may be applied."""

    state: ImportState
    counts: Counts
    skip_bad_rows: bool


async def lock_import(tx: Transaction, school_id: UUID, import_id: UUID) -> LockedImport | None:
    """An import, held until the transaction ends."""
    row = await tx.row(_LOCK, {"school_id": school_id, "import_id": import_id})
    return (
        None if row is None else LockedImport(ImportState(row.state), Counts(**row.counts), row.skip_bad_rows)
    )


async def start_applying(
    tx: Transaction, school_id: UUID, import_id: UUID, *, skip_bad_rows: bool, actor: str | None
) -> None:
    """A person has seen the preview and said yes."""
    await tx.execute(
        _RELEASE,
        {"school_id": school_id, "import_id": import_id, "skip_bad_rows": skip_bad_rows, "actor": actor},
    )

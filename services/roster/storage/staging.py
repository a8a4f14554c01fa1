"""An import's file, its rows on their way into the roster, and what is wrong with them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.roster.domain.importing import Counts
from services.roster.storage.imports import ImportClaim
from services.roster.storage.records import as_json
from shared.runtime.database import Transaction

_ADD_CHUNK = text("INSERT INTO import_chunks VALUES (:school_id, :import_id, :position, :data)")
_CHUNK = text(
    """
    SELECT data FROM import_chunks
     WHERE school_id = :school_id AND import_id = :import_id AND position = :position
    """
)
_STAGE = text(
    """
    INSERT INTO import_batches (school_id, import_id, position, rows, numbers, name_keys, entries)
    VALUES (:school_id, :import_id, :position, CAST(:rows AS integer[]), CAST(:numbers AS text[]),
            CAST(:name_keys AS text[]), :entries)
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
    for table in ("import_batches", "import_chunks", "import_errors")
)
# Two plain statements: a join would be planned for a table that still counts as empty, and take minutes.
_TWICE = text(
    """
    SELECT row, number, first_row FROM (
        SELECT row, number, name_key, first_value(row) OVER same AS first_row,
               first_value(name_key) OVER same AS first_key
          FROM import_batches, unnest(rows, numbers, name_keys) AS staged (row, number, name_key)
         WHERE school_id = :school_id AND import_id = :import_id AND number IS NOT NULL
        WINDOW same AS (PARTITION BY number ORDER BY row)) AS marked
     WHERE name_key <> first_key ORDER BY row
    """
)
_SKIP_ROWS = text(
    """
    UPDATE import_batches
       SET skipped = ARRAY(SELECT row FROM unnest(rows) AS row WHERE row = ANY(CAST(:rows AS integer[])))
     WHERE school_id = :school_id AND import_id = :import_id AND rows && CAST(:rows AS integer[])
    """
)
_BATCH = text(
    """
    SELECT rows, skipped, entries FROM import_batches
     WHERE school_id = :school_id AND import_id = :import_id AND position = :position
    """
)
_COUNT = text(
    """
    SELECT (SELECT coalesce(sum(cardinality(rows) - cardinality(skipped)), 0) FROM import_batches
             WHERE school_id = :school_id AND import_id = :import_id) AS taken,
           (SELECT count(DISTINCT row) FROM import_errors WHERE school_id = :school_id AND import_id = :import_id)
               AS refused
    """
)


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows as the reader wrote them: their numbers in the file, and a JSON array with an entry for each.

    `numbers` and `name_keys` are the pupils', row by row; None where the file has no column of numbers.
    """

    rows: list[int]
    entries: str
    numbers: list[str | None] | None = None
    name_keys: list[str] | None = None


async def add_chunk(tx: Transaction, school_id: UUID, import_id: UUID, position: int, data: bytes) -> None:
    """A piece of the uploaded file."""
    await tx.execute(
        _ADD_CHUNK, {"school_id": school_id, "import_id": import_id, "position": position, "data": data}
    )


async def find_chunk(tx: Transaction, claim: ImportClaim, position: int) -> bytes | None:
    """A piece of the file, or None after the last."""
    data: bytes | None = await tx.scalar(_CHUNK, {**claim.ids, "position": position})
    return data


async def stage_batch(tx: Transaction, claim: ImportClaim, position: int, batch: Batch) -> None:
    """Put a batch in its place, counted from 0; one without rows has none."""
    if batch.rows:
        await tx.execute(
            _STAGE,
            {
                **claim.ids,
                "position": position,
                "rows": batch.rows,
                "numbers": batch.numbers,
                "name_keys": batch.name_keys,
                "entries": batch.entries,
            },
        )


async def stage_errors(tx: Transaction, claim: ImportClaim, errors: list[dict[str, Any]]) -> None:
    """What is wrong with rows, or with the file."""
    if errors:
        await tx.execute(_STAGE_ERRORS, {**claim.ids, "rows": as_json(errors)})


async def refuse_duplicates(tx: Transaction, claim: ImportClaim, column: str) -> None:
    """One number cannot be two students'; the first row stays. `column` is what the file calls the number."""
    twice = await tx.rows(_TWICE, claim.ids)
    errors = [
        {
            "row": row.row,
            "column": column,
            "value": row.number,
            "code": "duplicate_number",
            "message": f"Row {row.first_row} has this number for a student with another name.",
        }
        for row in twice
    ]
    await stage_errors(tx, claim, errors)
    if twice:
        await tx.execute(_SKIP_ROWS, {**claim.ids, "rows": [row.row for row in twice]})


async def count_rows(tx: Transaction, claim: ImportClaim) -> Counts:
    """How many rows were taken and refused."""
    row = await tx.row(_COUNT, claim.ids)
    assert row is not None
    return Counts(rows=int(row.taken) + row.refused, rows_refused=row.refused)


async def staged_entries(tx: Transaction, claim: ImportClaim, position: int) -> list[Any] | None:
    """The entries of a batch without those of skipped rows, in the file's order; None after the last batch."""
    row = await tx.row(_BATCH, {**claim.ids, "position": position})
    if row is None:
        return None
    entries: list[Any] = json.loads(row.entries)
    if not row.skipped:
        return entries
    skipped = set(row.skipped)
    return [entry for number, entry in zip(row.rows, entries, strict=True) if number not in skipped]


async def clear_staging(tx: Transaction, claim: ImportClaim, *, everything: bool) -> None:
    """Forget staged rows and, with `everything`, the file; without, the faults, to read again."""
    rows, chunks, errors = _UNSTAGE
    for statement in (rows, chunks) if everything else (rows, errors):
        await tx.execute(statement, claim.ids)

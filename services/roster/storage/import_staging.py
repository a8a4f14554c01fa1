"""Tables of an import's content: `import_chunks` (the file), `import_batches` (parsed rows) and `import_errors`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.roster.domain.import_state import ImportCounts
from services.roster.storage.imports import ImportClaim
from services.roster.storage.statements import as_json
from shared.runtime.database import Transaction

_INSERT_CHUNK = text("INSERT INTO import_chunks VALUES (:school_id, :import_id, :position, :data)")
_FIND_CHUNK = text(
    """
    SELECT data FROM import_chunks
     WHERE school_id = :school_id AND import_id = :import_id AND position = :position
    """
)
_INSERT_BATCH = text(
    """
    INSERT INTO import_batches (school_id, import_id, position, rows, numbers, name_keys, entries)
    VALUES (:school_id, :import_id, :position, CAST(:rows AS integer[]), CAST(:numbers AS text[]),
            CAST(:name_keys AS text[]), :entries)
    """
)
_INSERT_ERRORS = text(
    """
    INSERT INTO import_errors (school_id, import_id, row, "column", value, code, message)
    SELECT :school_id, :import_id, r.* FROM jsonb_to_recordset(CAST(:rows AS jsonb))
        AS r (row integer, "column" text, value text, code text, message text)
    """
)
_DELETE_BATCHES, _DELETE_CHUNKS, _DELETE_ERRORS = (
    text(f"DELETE FROM {table} WHERE school_id = :school_id AND import_id = :import_id")
    for table in ("import_batches", "import_chunks", "import_errors")
)
# Finding and skipping are two plain statements: a join would be planned for a table that the planner still takes for
# empty, and take minutes.
_FIND_DUPLICATE_NUMBERS = text(
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
_FIND_BATCH = text(
    """
    SELECT rows, skipped, entries FROM import_batches
     WHERE school_id = :school_id AND import_id = :import_id AND position = :position
    """
)
_COUNT_ROWS = text(
    """
    SELECT (SELECT coalesce(sum(cardinality(rows) - cardinality(skipped)), 0) FROM import_batches
             WHERE school_id = :school_id AND import_id = :import_id) AS accepted,
           (SELECT count(DISTINCT row) FROM import_errors WHERE school_id = :school_id AND import_id = :import_id)
               AS refused
    """
)


@dataclass(frozen=True, slots=True)
class StagedRows:
    """Batch of parsed rows: their numbers in the file, and a JSON array with one element per row.

    `numbers` and `name_keys` are the students', row by row; None if the file has no column of numbers.
    """

    rows: list[int]
    entries: str
    numbers: list[str | None] | None = None
    name_keys: list[str] | None = None


async def insert_chunk(tx: Transaction, school_id: UUID, import_id: UUID, position: int, data: bytes) -> None:
    """Insert a piece of the uploaded file; positions count from 0."""
    await tx.execute(
        _INSERT_CHUNK, {"school_id": school_id, "import_id": import_id, "position": position, "data": data}
    )


async def find_chunk(tx: Transaction, claim: ImportClaim, position: int) -> bytes | None:
    """Return a piece of the file; None after the last one."""
    data: bytes | None = await tx.scalar(_FIND_CHUNK, {**claim.ids, "position": position})
    return data


async def insert_batch(tx: Transaction, claim: ImportClaim, position: int, batch: StagedRows) -> None:
    """Insert a batch of rows; positions count from 0. A batch without rows is not inserted and takes no position."""
    if batch.rows:
        await tx.execute(
            _INSERT_BATCH,
            {
                **claim.ids,
                "position": position,
                "rows": batch.rows,
                "numbers": batch.numbers,
                "name_keys": batch.name_keys,
                "entries": batch.entries,
            },
        )


async def insert_errors(tx: Transaction, claim: ImportClaim, errors: list[dict[str, Any]]) -> None:
    """Insert errors of rows, or of the file as a whole (row 0)."""
    if errors:
        await tx.execute(_INSERT_ERRORS, {**claim.ids, "rows": as_json(errors)})


async def refuse_duplicate_numbers(tx: Transaction, claim: ImportClaim, column: str) -> None:
    """Skip rows, and insert an error for each, whose number an earlier row gives to a student of another name.

    `column` is the title of the file's column of numbers.
    """
    duplicates = await tx.rows(_FIND_DUPLICATE_NUMBERS, claim.ids)
    errors = [
        {
            "row": row.row,
            "column": column,
            "value": row.number,
            "code": "duplicate_number",
            "message": f"Row {row.first_row} has this number for a student with another name.",
        }
        for row in duplicates
    ]
    await insert_errors(tx, claim, errors)
    if duplicates:
        await tx.execute(_SKIP_ROWS, {**claim.ids, "rows": [row.row for row in duplicates]})


async def count_rows(tx: Transaction, claim: ImportClaim) -> ImportCounts:
    """Return how many rows there are, and how many of them are refused."""
    row = await tx.row(_COUNT_ROWS, claim.ids)
    assert row is not None
    return ImportCounts(rows=int(row.accepted) + row.refused, rows_refused=row.refused)


async def find_batch(tx: Transaction, claim: ImportClaim, position: int) -> list[Any] | None:
    """Return the rows of a batch without the skipped ones, in the file's order; None after the last batch."""
    row = await tx.row(_FIND_BATCH, {**claim.ids, "position": position})
    if row is None:
        return None
    entries: list[Any] = json.loads(row.entries)
    if not row.skipped:
        return entries
    skipped = set(row.skipped)
    return [entry for number, entry in zip(row.rows, entries, strict=True) if number not in skipped]


async def delete_results(tx: Transaction, claim: ImportClaim) -> None:
    """Delete staged rows and errors, so that the file can be read again."""
    await tx.execute(_DELETE_BATCHES, claim.ids)
    await tx.execute(_DELETE_ERRORS, claim.ids)


async def delete_file(tx: Transaction, claim: ImportClaim) -> None:
    """Delete staged rows and the file of an import that has ended; errors stay for the report."""
    await tx.execute(_DELETE_BATCHES, claim.ids)
    await tx.execute(_DELETE_CHUNKS, claim.ids)

"""An import's file, its rows on their way into the roster, and what is wrong with them."""

from __future__ import annotations

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


async def add_chunk(tx: Transaction, school_id: UUID, import_id: UUID, position: int, data: bytes) -> None:
    """A piece of the uploaded file."""
    await tx.execute(
        _ADD_CHUNK, {"school_id": school_id, "import_id": import_id, "position": position, "data": data}
    )


async def find_chunk(tx: Transaction, claim: ImportClaim, position: int) -> bytes | None:
    """A piece of the file, or None after the last."""
    data: bytes | None = await tx.scalar(_CHUNK, {**claim.ids, "position": position})
    return data


async def stage_rows(tx: Transaction, claim: ImportClaim, rows: str, errors: str) -> None:
    """Two JSON arrays as the reader wrote them."""
    if rows != "[]":
        await tx.execute(_STAGE, {**claim.ids, "rows": rows})
    if errors != "[]":
        await tx.execute(_STAGE_ERRORS, {**claim.ids, "rows": errors})


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
    await stage_rows(tx, claim, "[]", as_json(errors))
    await tx.execute(_UNSTAGE_ROWS, {**claim.ids, "rows": [row.row for row in twice]})


async def count_rows(tx: Transaction, claim: ImportClaim) -> Counts:
    """How many rows were taken and refused."""
    row = await tx.row(_COUNT, claim.ids)
    assert row is not None
    return Counts(rows=row.taken + row.refused, rows_refused=row.refused)


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

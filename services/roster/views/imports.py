"""Imports as callers see them, and the report."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.roster.views.shapes import paged
from shared.runtime.database import Transaction
from shared.runtime.web import decode_cursor

ERRORS_SHOWN = 1_000
_COLUMNS = """import_id, school_id, state, dry_run, skip_bad_rows, filename, size_bytes, counts, ignored_columns,
    failure, created_at, finished_at"""
_ONE = text(f"SELECT {_COLUMNS} FROM imports WHERE school_id = :school_id AND import_id = :import_id")
_LIST = text(
    f"""
    SELECT {_COLUMNS} FROM imports
     WHERE school_id = :school_id AND (CAST(:before AS uuid) IS NULL OR import_id < CAST(:before AS uuid))
     ORDER BY import_id DESC LIMIT :limit
    """
)
_ERRORS = text(
    """
    SELECT row, "column", value, code, message FROM import_errors
     WHERE school_id = :school_id AND import_id = :import_id ORDER BY row, position LIMIT :limit
    """
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_TITLES = ("row", "column", "value", "code", "message")
_NO_COUNTS = dict.fromkeys(
    (
        "rows",
        "rows_refused",
        "students_new",
        "students_changed",
        "unchanged",
        "parents_new",
        "siblings_linked",
    ),
    0,
)


async def find_import(tx: Transaction, school_id: UUID, import_id: UUID) -> dict[str, Any] | None:
    """One import with the first ERRORS_SHOWN errors; the report has all."""
    row = await tx.row(_ONE, {"school_id": school_id, "import_id": import_id})
    if row is None:
        return None
    return {**_import(row), "errors": await _errors(tx, school_id, import_id, ERRORS_SHOWN)}


async def list_imports(tx: Transaction, school_id: UUID, cursor: str | None, limit: int) -> dict[str, Any]:
    """Newest first, without errors."""
    before = decode_cursor(cursor, UUID)[0] if cursor else None
    rows = await tx.rows(_LIST, {"school_id": school_id, "before": before, "limit": limit + 1})
    return paged(rows, limit, _import, lambda row: (str(row.import_id),))


async def report(tx: Transaction, school_id: UUID, import_id: UUID) -> str | None:
    """Every error as CSV that no spreadsheet takes for formulas; None for an unknown import."""
    if await tx.row(_ONE, {"school_id": school_id, "import_id": import_id}) is None:
        return None
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(_TITLES)
    for error in await _errors(tx, school_id, import_id, None):
        writer.writerow(_harmless(error[title] for title in _TITLES))
    return file.getvalue()


async def _errors(
    tx: Transaction, school_id: UUID, import_id: UUID, limit: int | None
) -> list[dict[str, Any]]:
    rows = await tx.rows(_ERRORS, {"school_id": school_id, "import_id": import_id, "limit": limit})
    return [dict(zip(_TITLES, row, strict=True)) for row in rows]


def _harmless(cells: Iterable[Any]) -> list[str]:
    """An apostrophe before what a spreadsheet would compute (OWASP ASVS 1.2.10)."""
    return [f"'{cell}" if str(cell).startswith(_FORMULA) else str(cell) for cell in cells]


def _import(row: Any) -> dict[str, Any]:
    return {
        "import_id": row.import_id,
        "school_id": row.school_id,
        "state": row.state,
        "dry_run": row.dry_run,
        "skip_bad_rows": row.skip_bad_rows,
        "filename": row.filename,
        "size_bytes": row.size_bytes,
        "counts": {**_NO_COUNTS, **row.counts},
        "ignored_columns": list(row.ignored_columns),
        "failure": row.failure,
        "created_at": row.created_at,
        "finished_at": row.finished_at,
    }

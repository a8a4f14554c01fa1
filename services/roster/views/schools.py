"""Schools as callers see them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from services.roster.views.shapes import paged
from shared.runtime.database import Transaction
from shared.runtime.web import decode_cursor

_COLUMNS = """school_id, name, country, language, timezone, credentials_mode, invitation_lifetime_days, reminder_days,
    quiet_from, quiet_until, phone, email, created_at"""
_ONE = text(f"SELECT {_COLUMNS} FROM schools WHERE school_id = :school_id")
_LIST = text(
    f"""
    SELECT {_COLUMNS} FROM schools
     WHERE (CAST(:ids AS uuid[]) IS NULL OR school_id = ANY(CAST(:ids AS uuid[])))
       AND (CAST(:after AS text) IS NULL OR (lower(name), school_id) > (CAST(:after AS text), CAST(:id AS uuid)))
     ORDER BY lower(name), school_id LIMIT :limit
    """
)
_SUMMARY = text("SELECT students, parents FROM school_counts WHERE school_id = :school_id")


async def find_school(tx: Transaction, school_id: UUID) -> dict[str, Any] | None:
    """One school."""
    row = await tx.row(_ONE, {"school_id": school_id})
    return None if row is None else _shown(row)


async def list_schools(
    tx: Transaction, visible: Collection[UUID] | None, cursor: str | None, limit: int
) -> dict[str, Any]:
    """By name; `visible` None means all."""
    after, last = decode_cursor(cursor, str, UUID) if cursor else (None, None)
    rows = await tx.rows(
        _LIST,
        {"ids": None if visible is None else list(visible), "after": after, "id": last, "limit": limit + 1},
    )
    return paged(
        rows,
        limit,
        _shown,
        lambda row: (row.name.lower(), str(row.school_id)),
    )


def _shown(row: Row[Any]) -> dict[str, Any]:
    quiet = {name: f"{getattr(row, name):%H:%M}" for name in ("quiet_from", "quiet_until")}
    return {**row._mapping, **quiet}


async def summary(tx: Transaction, school_id: UUID) -> dict[str, int]:
    """How many students and parents the school has."""
    row = await tx.row(_SUMMARY, {"school_id": school_id})
    return {"students": row.students, "parents": row.parents} if row else {"students": 0, "parents": 0}

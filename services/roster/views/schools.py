"""Schools as the API returns them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from services.roster.domain.errors import school_not_found
from services.roster.views.fragments import make_page
from shared.runtime.database import Transaction
from shared.runtime.web import decode_cursor

_COLUMNS = """school_id, name, country, language, timezone, credentials_mode, invitation_lifetime_days, reminder_days,
    quiet_from, quiet_until, phone, email, created_at"""
_FIND = text(f"SELECT {_COLUMNS} FROM schools WHERE school_id = :school_id")
_EXISTS = text("SELECT school_id FROM schools WHERE school_id = :school_id")
_LIST = text(
    f"""
    SELECT {_COLUMNS} FROM schools
     WHERE (CAST(:ids AS uuid[]) IS NULL OR school_id = ANY(CAST(:ids AS uuid[])))
       AND (CAST(:after AS text) IS NULL OR (lower(name), school_id) > (CAST(:after AS text), CAST(:id AS uuid)))
     ORDER BY lower(name), school_id LIMIT :limit
    """
)
_COUNT = text("SELECT students, parents FROM school_counts WHERE school_id = :school_id")


async def check_school(tx: Transaction, school_id: UUID) -> None:
    """Raise NotFound if there is no such school."""
    if await tx.scalar(_EXISTS, {"school_id": school_id}) is None:
        raise school_not_found()


async def find_school(tx: Transaction, school_id: UUID) -> dict[str, Any] | None:
    """Return a school."""
    row = await tx.row(_FIND, {"school_id": school_id})
    return None if row is None else _school(row)


async def list_schools(
    tx: Transaction, visible: Collection[UUID] | None, cursor: str | None, limit: int
) -> dict[str, Any]:
    """Return a page of schools by name: those with the `visible` ids, or all if that is None."""
    after, last_id = decode_cursor(cursor, str, UUID) if cursor else (None, None)
    rows = await tx.rows(
        _LIST,
        {
            "ids": None if visible is None else list(visible),
            "after": after,
            "id": last_id,
            "limit": limit + 1,
        },
    )
    return make_page(
        rows,
        limit,
        _school,
        lambda row: (row.name.lower(), str(row.school_id)),
    )


def _school(row: Row[Any]) -> dict[str, Any]:
    quiet = {name: f"{getattr(row, name):%H:%M}" for name in ("quiet_from", "quiet_until")}
    return {**row._mapping, **quiet}


async def count_people(tx: Transaction, school_id: UUID) -> dict[str, int]:
    """Return how many students and parents a school has."""
    row = await tx.row(_COUNT, {"school_id": school_id})
    return {"students": row.students, "parents": row.parents} if row else {"students": 0, "parents": 0}

"""The parents list, and a parent with every child's details (C7, C8)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.roster.views.shapes import CHILDREN, CONTACTS, paged, pattern, whole_words
from shared.runtime.database import Transaction
from shared.runtime.web import decode_cursor

_COLUMNS = "p.parent_id, p.school_id, p.name, p.names, p.language, p.signed_up_at, p.created_at, p.sort_key"
_ONE = text(
    f"""
    SELECT {_COLUMNS}, {CONTACTS}, {CHILDREN}
      FROM parents p WHERE p.school_id = :school_id AND p.parent_id = :parent_id
    """
)
_LIST = text(
    f"""
    WITH chosen AS MATERIALIZED (
        SELECT p.* FROM parents p
         WHERE p.school_id = :school_id
           AND (CAST(:pattern AS text) IS NULL OR p.name ILIKE :pattern
                OR ' ' || p.name || ' ' ILIKE ALL (CAST(:words AS text[]))
                OR EXISTS (SELECT FROM contacts c
                            WHERE c.school_id = p.school_id AND c.parent_id = p.parent_id
                              AND c.address ILIKE :pattern))
           AND (CAST(:signed_up AS boolean) IS NULL
                OR (p.signed_up_at IS NOT NULL) = CAST(:signed_up AS boolean))
           AND (CAST(:after AS text) IS NULL
                OR (p.sort_key, p.parent_id) > (CAST(:after AS text), CAST(:id AS uuid)))
         ORDER BY p.sort_key, p.parent_id LIMIT :limit)
    SELECT {_COLUMNS}, {CONTACTS}, {CHILDREN} FROM chosen p ORDER BY p.sort_key, p.parent_id
    """
)


async def list_parents(
    tx: Transaction, school_id: UUID, q: str | None, *, signed_up: bool | None, cursor: str | None, limit: int
) -> dict[str, Any]:
    """By name."""
    after, last = decode_cursor(cursor, str, UUID) if cursor else (None, None)
    rows = await tx.rows(
        _LIST,
        {
            "school_id": school_id,
            "pattern": pattern(q) if q else None,
            "words": whole_words(q or ""),
            "signed_up": signed_up,
            "after": after,
            "id": last,
            "limit": limit + 1,
        },
    )
    return paged(rows, limit, _parent, lambda row: (row.sort_key, str(row.parent_id)))


async def find_parent(tx: Transaction, school_id: UUID, parent_id: UUID) -> dict[str, Any] | None:
    """One parent."""
    row = await tx.row(_ONE, {"school_id": school_id, "parent_id": parent_id})
    return None if row is None else _parent(row)


def _parent(row: Any) -> dict[str, Any]:
    return {
        "parent_id": row.parent_id,
        "school_id": row.school_id,
        "name": row.name,
        "names": list(row.names),
        "language": row.language,
        "contacts": row.contacts,
        "email": _preferred(row.contacts, "email"),
        "phone": _preferred(row.contacts, "phone"),
        "signed_up": row.signed_up_at is not None,
        "signed_up_at": row.signed_up_at,
        "children": row.children,
        "created_at": row.created_at,
    }


def _preferred(contacts: list[dict[str, Any]], kind: str) -> str | None:
    addresses = sorted(
        (not contact["preferred"], contact["address"]) for contact in contacts if contact["kind"] == kind
    )
    return addresses[0][1] if addresses else None

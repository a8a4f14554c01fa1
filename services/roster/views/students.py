"""The student list and a student's profile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.roster.views.shapes import paged, pattern, whole_words
from shared.runtime.database import Transaction
from shared.runtime.web import decode_cursor

_PARENTS = """
    (SELECT coalesce(jsonb_agg(jsonb_build_object(
                'parent_id', p.parent_id, 'name', p.name, 'relation', l.relation, 'rights', l.rights,
                'reason', l.reason, 'sibling_group_id', l.sibling_group_id,
                'signed_up', p.signed_up_at IS NOT NULL, 'signed_up_at', p.signed_up_at,
                'email', (SELECT c.address FROM contacts c
                           WHERE c.school_id = p.school_id AND c.parent_id = p.parent_id AND c.kind = 'email'
                           ORDER BY c.preferred DESC, c.contact_id LIMIT 1),
                'phone', (SELECT c.address FROM contacts c
                           WHERE c.school_id = p.school_id AND c.parent_id = p.parent_id AND c.kind = 'phone'
                           ORDER BY c.preferred DESC, c.contact_id LIMIT 1))
                ORDER BY l.linked_at, p.parent_id), '[]')
       FROM student_parents l JOIN parents p ON p.school_id = l.school_id AND p.parent_id = l.parent_id
      WHERE l.school_id = s.school_id AND l.student_id = s.student_id) AS parents
"""
_COLUMNS = """s.student_id, s.school_id, s.name, s.first_name, s.last_name, s.number, s.class_name, s.birth_date,
    s.created_at, s.sort_key"""
_ONE = text(
    f"SELECT {_COLUMNS}, {_PARENTS} FROM students s WHERE s.school_id = :school_id AND s.student_id = :student_id"
)
_SIGNED_UP = """
    (EXISTS (SELECT FROM student_parents l WHERE l.school_id = s.school_id AND l.student_id = s.student_id)
     AND NOT EXISTS (SELECT FROM student_parents l
                       JOIN parents p ON p.school_id = l.school_id AND p.parent_id = l.parent_id
                      WHERE l.school_id = s.school_id AND l.student_id = s.student_id AND p.signed_up_at IS NULL))
"""
_LIST = text(
    f"""
    WITH chosen AS MATERIALIZED (
        SELECT s.* FROM students s
         WHERE s.school_id = :school_id
           AND (CAST(:pattern AS text) IS NULL OR s.name ILIKE :pattern OR s.number ILIKE :pattern
                OR s.class_name ILIKE :pattern OR ' ' || s.name || ' ' ILIKE ALL (CAST(:words AS text[])))
           AND (CAST(:signed_up AS boolean) IS NULL OR {_SIGNED_UP} = CAST(:signed_up AS boolean))
           AND (CAST(:after AS text) IS NULL
                OR (s.sort_key, s.student_id) > (CAST(:after AS text), CAST(:id AS uuid)))
         ORDER BY s.sort_key, s.student_id LIMIT :limit)
    SELECT {_COLUMNS}, {_PARENTS} FROM chosen s ORDER BY s.sort_key, s.student_id
    """
)


@dataclass(frozen=True, slots=True)
class StudentQuery:
    """`signed_up` False: somebody of the student's parents has not signed up, or there is no parent (P22)."""

    q: str | None = None
    signed_up: bool | None = None
    cursor: str | None = None
    limit: int = 50


async def list_students(tx: Transaction, school_id: UUID, query: StudentQuery) -> dict[str, Any]:
    """By family name where it is known, each with its parents and whether they signed up (P7, P15, P22)."""
    after, last = decode_cursor(query.cursor, str, UUID) if query.cursor else (None, None)
    rows = await tx.rows(
        _LIST,
        {
            "school_id": school_id,
            "pattern": pattern(query.q) if query.q else None,
            "words": whole_words(query.q or ""),
            "signed_up": query.signed_up,
            "after": after,
            "id": last,
            "limit": query.limit + 1,
        },
    )
    return paged(rows, query.limit, _student, lambda row: (row.sort_key, str(row.student_id)))


async def find_student(tx: Transaction, school_id: UUID, student_id: UUID) -> dict[str, Any] | None:
    """One student with the parents."""
    row = await tx.row(_ONE, {"school_id": school_id, "student_id": student_id})
    return None if row is None else _student(row)


def _student(row: Any) -> dict[str, Any]:
    return {
        "student_id": row.student_id,
        "school_id": row.school_id,
        "name": row.name,
        "first_name": row.first_name,
        "last_name": row.last_name,
        "number": row.number,
        "class_name": row.class_name,
        "birth_date": row.birth_date,
        "signed_up": bool(row.parents) and all(parent["signed_up"] for parent in row.parents),
        "parents": row.parents,
        "created_at": row.created_at,
    }

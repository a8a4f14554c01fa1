"""Families that may be one (suggestions), and families that were linked."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.roster.views.shapes import CHILDREN, paged
from shared.runtime.database import Transaction
from shared.runtime.web import decode_cursor

# Pairs of records with an equal contact, the school's own aside, of which one has a child that the other has not.
_SUGGESTIONS = text(
    f"""
    WITH pairs AS (
        SELECT a.parent_id AS first_id, b.parent_id AS second_id, array_agg(DISTINCT a.kind ORDER BY a.kind) AS equal
          FROM contacts a
          JOIN contacts b ON b.school_id = a.school_id AND b.key = a.key AND b.parent_id > a.parent_id
          JOIN schools ON schools.school_id = a.school_id
         WHERE a.school_id = :school_id
           AND a.key IS DISTINCT FROM schools.phone AND a.key IS DISTINCT FROM lower(schools.email)
           AND (CAST(:after AS uuid) IS NULL
                OR (a.parent_id, b.parent_id) > (CAST(:after AS uuid), CAST(:id AS uuid)))
         GROUP BY a.parent_id, b.parent_id
        HAVING (SELECT array_agg(l.student_id ORDER BY l.student_id) FROM student_parents l
                 WHERE l.school_id = :school_id AND l.parent_id = a.parent_id)
               IS DISTINCT FROM
               (SELECT array_agg(l.student_id ORDER BY l.student_id) FROM student_parents l
                 WHERE l.school_id = :school_id AND l.parent_id = b.parent_id)
         ORDER BY a.parent_id, b.parent_id LIMIT :limit)
    SELECT pairs.*,
           (SELECT jsonb_agg(jsonb_build_object('parent_id', one.parent_id, 'name', one.name, 'children', one.children)
                             ORDER BY one.parent_id)
              FROM (SELECT p.parent_id, p.name, {CHILDREN} FROM parents p
                     WHERE p.school_id = :school_id AND p.parent_id IN (pairs.first_id, pairs.second_id)) AS one
           ) AS parents
      FROM pairs ORDER BY first_id, second_id
    """
)
_LINKED = text(
    """
    SELECT g.sibling_group_id, g.parent_ids, g.student_ids, g.reason, g.automatic, g.created_at,
           (SELECT jsonb_agg(jsonb_build_object('student_id', s.student_id, 'name', s.name) ORDER BY s.student_id)
              FROM students s WHERE s.school_id = g.school_id AND s.student_id = ANY(g.student_ids)) AS students
      FROM sibling_groups g
     WHERE g.school_id = :school_id AND (CAST(:after AS uuid) IS NULL OR g.sibling_group_id > CAST(:after AS uuid))
     ORDER BY g.sibling_group_id LIMIT :limit
    """
)
_REASONS = {("email",): "same_email", ("phone",): "same_phone", ("email", "phone"): "same_phone_and_email"}


async def list_suggestions(
    tx: Transaction, school_id: UUID, cursor: str | None, limit: int
) -> dict[str, Any]:
    """What the rule did not dare to link (C5)."""
    after, last = decode_cursor(cursor, UUID, UUID) if cursor else (None, None)
    rows = await tx.rows(
        _SUGGESTIONS, {"school_id": school_id, "after": after, "id": last, "limit": limit + 1}
    )
    return paged(rows, limit, _suggestion, lambda row: (str(row.first_id), str(row.second_id)))


async def list_linked(tx: Transaction, school_id: UUID, cursor: str | None, limit: int) -> dict[str, Any]:
    """Every sibling group with the reason it exists."""
    after = decode_cursor(cursor, UUID)[0] if cursor else None
    rows = await tx.rows(_LINKED, {"school_id": school_id, "after": after, "limit": limit + 1})
    return paged(rows, limit, _group, lambda row: (str(row.sibling_group_id),))


def _suggestion(row: Any) -> dict[str, Any]:
    students = {child["student_id"]: child["name"] for parent in row.parents for child in parent["children"]}
    return {
        "parent_ids": [row.first_id, row.second_id],
        "student_ids": list(students),
        "reason": _REASONS[tuple(row.equal)],
        "parents": row.parents,
    }


def _group(row: Any) -> dict[str, Any]:
    return {
        "sibling_group_id": row.sibling_group_id,
        "parent_ids": list(row.parent_ids),
        "student_ids": list(row.student_ids),
        "students": row.students or [],
        "reason": row.reason,
        "automatic": row.automatic,
        "created_at": row.created_at,
    }

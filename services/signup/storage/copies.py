"""Copies of schools, students and parents, kept by version: a fact older than the row changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text

from shared.runtime.database import BatchStatement, Transaction

_SCHOOLS = text(
    """
    INSERT INTO schools AS s (school_id, version, name, language)
    SELECT * FROM unnest(CAST(:school_ids AS uuid[]), CAST(:versions AS bigint[]), CAST(:names AS text[]),
                         CAST(:languages AS text[]))
     ORDER BY 1
    ON CONFLICT (school_id) DO UPDATE SET version = excluded.version, name = excluded.name,
        language = excluded.language
     WHERE s.version < excluded.version
    """
)
_STUDENTS = BatchStatement(
    """
    INSERT INTO students AS s ({names})
    SELECT * FROM {rows} ORDER BY student_id
    ON CONFLICT (student_id) DO UPDATE SET version = excluded.version, name = excluded.name,
        class_name = excluded.class_name, removed = excluded.removed
     WHERE s.version < excluded.version
    """,
    {
        "student_id": "uuid",
        "school_id": "uuid",
        "version": "bigint",
        "name": "text",
        "class_name": "text",
        "removed": "boolean",
    },
)
# A parent's children travel as one text per row, since PostgreSQL's unnest would flatten an array of arrays.
_PARENTS = BatchStatement(
    """
    INSERT INTO parents AS p (parent_id, school_id, version, language, visible_student_ids, removed)
    SELECT parent_id, school_id, version, language, CAST(visible AS uuid[]), removed
      FROM {rows} ORDER BY parent_id
    ON CONFLICT (parent_id) DO UPDATE SET version = excluded.version, language = excluded.language,
        visible_student_ids = excluded.visible_student_ids, removed = excluded.removed
     WHERE p.version < excluded.version
    """,
    {
        "parent_id": "uuid",
        "school_id": "uuid",
        "version": "bigint",
        "language": "text",
        "visible": "text",
        "removed": "boolean",
    },
)
_FOLLOW_ACCESS = text(
    """
    UPDATE memberships m
       SET ended_at = CASE WHEN p.removed OR cardinality(p.visible_student_ids) = 0
                           THEN coalesce(m.ended_at, :now) END
      FROM parents p
     WHERE m.parent_id = p.parent_id AND p.parent_id = ANY(CAST(:parent_ids AS uuid[]))
       AND (m.ended_at IS NULL) = (p.removed OR cardinality(p.visible_student_ids) = 0)
    """
)
# A parent of whom nothing is known yet gets a stub, so that the first fact about them waits for this transaction.
_STUBS = text(
    """
    INSERT INTO parents (parent_id, school_id, version, visible_student_ids)
    SELECT DISTINCT ON (parent_id) parent_id, school_id, 0, CAST('{}' AS uuid[])
      FROM unnest(CAST(:parent_ids AS uuid[]), CAST(:school_ids AS uuid[])) AS row (parent_id, school_id)
     ORDER BY parent_id
    ON CONFLICT (parent_id) DO NOTHING
    """
)
_LOCK = text(
    """
    SELECT parent_id, version > 0 AND (removed OR cardinality(visible_student_ids) = 0) AS without_access
      FROM parents WHERE parent_id = ANY(CAST(:parent_ids AS uuid[])) ORDER BY parent_id FOR SHARE
    """
)

Columns = dict[str, list[Any]]


async def save_schools(transaction: Transaction, columns: Columns) -> None:
    """One row per school in `columns`: school_ids, versions, names, languages."""
    await transaction.execute(_SCHOOLS, columns)


async def save_students(transaction: Transaction, columns: Columns) -> None:
    """One row per student in `columns`: student_id, school_id, version, name, class_name, removed."""
    await transaction.execute(*_STUDENTS.bind_columns(columns))


async def save_parents(transaction: Transaction, columns: Columns) -> None:
    """One row per parent in `columns`: parent_id, school_id, version, language, visible, removed.

    Memberships of these parents end, or begin again, with the access that the newest fact gives.
    """
    await transaction.execute(*_PARENTS.bind_columns(columns))
    await transaction.execute(_FOLLOW_ACCESS, {"parent_ids": columns["parent_id"], "now": transaction.now})


async def lock_parents(
    transaction: Transaction, parent_ids: Sequence[UUID], school_ids: Sequence[UUID]
) -> set[UUID]:
    """Hold back facts about these parents until the transaction ends; returns those who are known to have no access."""
    await transaction.execute(_STUBS, {"parent_ids": list(parent_ids), "school_ids": list(school_ids)})
    rows = await transaction.rows(_LOCK, {"parent_ids": list(parent_ids)})
    return {row.parent_id for row in rows if row.without_access}

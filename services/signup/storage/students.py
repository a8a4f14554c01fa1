"""Replicas of students."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

from services.signup.domain.replicas import Student, newest_versions
from shared.runtime.database import BatchStatement, Transaction

_SAVE = BatchStatement(
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


async def save_students(tx: Transaction, students: Sequence[Student]) -> None:
    """Save the newest version of each student. A stored row that is as new stays as it is."""
    newest = newest_versions(students, key=attrgetter("student_id"))
    await tx.execute(*_SAVE.bind(newest))

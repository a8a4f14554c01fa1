"""Table `students`: the replica of roster's students."""

from __future__ import annotations

from collections.abc import Sequence

from services.dashboard.domain.schools_students import Student
from services.dashboard.storage.versioned_columns import VersionedColumns, build_upsert, newest_per_key
from shared.runtime.database import Transaction

STUDENT_KEYS = (("school_id", "uuid"), ("student_id", "uuid"))
STUDENT = VersionedColumns(
    (
        ("version", "bigint"),
        ("name", "text"),
        ("number", "text"),
        ("class_name", "text"),
        ("removed", "boolean"),
    ),
)


async def save_students(tx: Transaction, students: Sequence[Student]) -> None:
    """Save the newest version of each student, unless the stored one is as new."""
    newest = newest_per_key(students, lambda student: student.student_id)
    await tx.execute(*build_upsert("students", STUDENT_KEYS, (STUDENT,)).bind(newest))

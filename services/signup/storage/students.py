"""Replicas of students."""

from __future__ import annotations

from collections.abc import Sequence

from services.signup.domain.replicas import Student
from shared.runtime.database import ReplicaTable, Transaction

_STUDENTS = ReplicaTable(
    "students",
    "student_id",
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
    """Save the newest version of each student."""
    await _STUDENTS.save(tx, students)

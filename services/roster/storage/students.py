"""Table `students`: loading, finding by number or by a file's row, and saving."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.roster.domain.people import Student
from services.roster.domain.roster_changes import Difference
from services.roster.storage.statements import (
    BatchWrite,
    SchoolWriter,
    as_json,
    delete_by_ids,
    keys_of_school,
)
from services.roster.storage.tables import STUDENTS
from shared.runtime.database import Transaction

LOAD = text(
    f"""
    SELECT student_id, name, first_name, last_name, number, class_name, birth_date, match_key, version
      FROM {keys_of_school("ids", "uuid")} AS r
      JOIN students s ON s.school_id = r.school_id AND s.student_id = r.key
    """
)
_FIND_BY_NUMBER = text("SELECT student_id FROM students WHERE school_id = :school_id AND number = :number")
# One student per row: by the number, else by the name with the first contact or the class as first imported, else by
# the name with a contact that one of the parents has today.
MATCH_ROWS = text(
    """
    SELECT r.position,
           coalesce(
               (SELECT s.student_id FROM students s WHERE s.school_id = :school_id AND s.number = r.number),
               (SELECT s.student_id FROM students s
                 WHERE s.school_id = :school_id AND s.match_key = r.match_key AND s.number IS NULL
                 ORDER BY s.created_at, s.student_id LIMIT 1),
               (SELECT s.student_id FROM students s
                 WHERE s.school_id = :school_id AND s.name_key = r.name_key AND (s.number IS NULL OR r.number IS NULL)
                   AND EXISTS (SELECT FROM student_parents l
                                 JOIN contacts c ON c.school_id = l.school_id AND c.parent_id = l.parent_id
                                WHERE l.school_id = :school_id AND l.student_id = s.student_id
                                  AND c.key = ANY(r.contact_keys))
                 ORDER BY s.created_at, s.student_id LIMIT 1)
           ) AS student_id
      FROM jsonb_to_recordset(CAST(:rows AS jsonb))
           AS r (position integer, number text, match_key text, name_key text, contact_keys text[])
    """
)
# Most rows of most files name new students. One statement finds the keys of all rows that some student has.
FIND_KEYS = text(
    f"""
    SELECT 'number' AS kind, s.number AS key FROM {keys_of_school("numbers", "text")} AS r
      JOIN students s ON s.school_id = r.school_id AND s.number = r.key
    UNION ALL
    SELECT 'match', s.match_key FROM {keys_of_school("match_keys", "text")} AS r
      JOIN students s ON s.school_id = r.school_id AND s.match_key = r.key
    UNION ALL
    SELECT 'name', s.name_key FROM {keys_of_school("name_keys", "text")} AS r
      JOIN students s ON s.school_id = r.school_id AND s.name_key = r.key
    """
)
_DELETE = delete_by_ids(STUDENTS, "student_id")
_WRITE = BatchWrite.for_table(
    STUDENTS,
    mutable="name first_name last_name number class_name birth_date name_key match_key sort_key version",
)


@dataclass(frozen=True, slots=True)
class StudentLookup:
    """Keys by which the student of a file's row is looked up. `contact_keys` are the parents', without case."""

    number: str | None
    match_key: str | None
    name_key: str
    contact_keys: tuple[str, ...]


async def load_students(tx: Transaction, school_id: UUID, student_ids: Sequence[UUID]) -> list[Student]:
    """Return students by id; unknown ids are left out."""
    if not student_ids:
        return []
    return [_student(row) for row in await tx.rows(LOAD, {"school_id": school_id, "ids": list(student_ids)})]


async def find_by_number(tx: Transaction, school_id: UUID, number: str) -> UUID | None:
    """Return the id of the student with a number."""
    student_id: UUID | None = await tx.scalar(_FIND_BY_NUMBER, {"school_id": school_id, "number": number})
    return student_id


async def find_students(
    tx: Transaction, school_id: UUID, lookups: Sequence[StudentLookup]
) -> dict[int, UUID]:
    """Return student ids by the position of their lookup; positions without a student are absent."""
    matches = await tx.rows(
        FIND_KEYS,
        {
            "school_id": school_id,
            "numbers": [lookup.number for lookup in lookups if lookup.number],
            "match_keys": [lookup.match_key for lookup in lookups if lookup.match_key],
            "name_keys": [lookup.name_key for lookup in lookups],
        },
    )
    if not matches:
        return {}
    present = {(match.kind, match.key) for match in matches}
    rows = [
        {"position": position, **asdict(lookup)}
        for position, lookup in enumerate(lookups)
        if present & {("number", lookup.number), ("match", lookup.match_key), ("name", lookup.name_key)}
    ]
    students = await tx.rows(MATCH_ROWS, {"school_id": school_id, "rows": as_json(rows)})
    return {row.position: row.student_id for row in students if row.student_id is not None}


async def save_students(tx: Transaction, school_id: UUID, difference: Difference[Student]) -> None:
    """Delete, update and insert students. Their links are deleted with them, by a trigger."""
    writer = SchoolWriter(tx, school_id)
    await writer.run_by_ids(_DELETE, difference.removed_ids)
    await writer.save(
        _WRITE,
        added=[_row(student) for student in difference.added],
        updated=[_row(student) for _, student in difference.updated],
    )


def _student(row: Any) -> Student:
    return Student(
        row.student_id,
        row.name,
        row.first_name,
        row.last_name,
        row.number,
        row.class_name,
        row.birth_date,
        row.match_key,
        row.version,
    )


def _row(student: Student) -> dict[str, Any]:
    family_name, first_name = student.last_name or "", student.first_name or ""
    return {
        "student_id": student.student_id,
        "name": student.name,
        "first_name": student.first_name,
        "last_name": student.last_name,
        "number": student.number,
        "class_name": student.class_name,
        "birth_date": student.birth_date,
        "name_key": student.name_key,
        "match_key": student.match_key,
        "sort_key": (f"{family_name} {first_name}" if family_name else student.name).casefold(),
        "version": student.version,
    }

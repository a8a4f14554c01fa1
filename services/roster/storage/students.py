"""Finding pupils: by number, or as a file names them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.roster.storage.records import as_json
from shared.runtime.database import Transaction

_BY_NUMBER = text("SELECT student_id FROM students WHERE school_id = :school_id AND number = :number")
# One pupil per position: the number decides, then the name with the first contact or the class as first imported, then
# the name with a contact that one of the parents has today.
_KNOWN = text(
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
                                  AND c.key = ANY(r.keys))
                 ORDER BY s.created_at, s.student_id LIMIT 1)
           ) AS student_id
      FROM jsonb_to_recordset(CAST(:rows AS jsonb))
           AS r (position integer, number text, match_key text, name_key text, keys text[])
    """
)


async def find_by_number(tx: Transaction, school_id: UUID, number: str) -> UUID | None:
    """Whose number this is."""
    found: UUID | None = await tx.scalar(_BY_NUMBER, {"school_id": school_id, "number": number})
    return found


async def find_known(tx: Transaction, school_id: UUID, rows: list[dict[str, Any]]) -> dict[int, UUID]:
    """Position to pupil, for rows of position, number, match_key, name_key and contact keys; strangers are absent."""
    found = await tx.rows(_KNOWN, {"school_id": school_id, "rows": as_json(rows)})
    return {row.position: row.student_id for row in found if row.student_id is not None}

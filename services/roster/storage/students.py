"""Finding pupils: by number, or as a file names them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from uuid import UUID

from sqlalchemy import text

from services.roster.storage.records import as_json, keys_of
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
# Most rows of most files are of strangers. This says of all rows at once whose keys some pupil has.
_HINTS = text(
    f"""
    SELECT 'number' AS kind, s.number AS key FROM {keys_of("numbers", "text")} AS r
      JOIN students s ON s.school_id = r.school_id AND s.number = r.key
    UNION ALL
    SELECT 'match', s.match_key FROM {keys_of("match_keys", "text")} AS r
      JOIN students s ON s.school_id = r.school_id AND s.match_key = r.key
    UNION ALL
    SELECT 'name', s.name_key FROM {keys_of("name_keys", "text")} AS r
      JOIN students s ON s.school_id = r.school_id AND s.name_key = r.key
    """
)


@dataclass(frozen=True, slots=True)
class Sought:
    """What a row of a file says of its pupil. `keys` are contacts of the parents, without case."""

    number: str | None
    match_key: str | None
    name_key: str
    keys: tuple[str, ...]


async def find_by_number(tx: Transaction, school_id: UUID, number: str) -> UUID | None:
    """Whose number this is."""
    found: UUID | None = await tx.scalar(_BY_NUMBER, {"school_id": school_id, "number": number})
    return found


async def find_known(tx: Transaction, school_id: UUID, rows: Sequence[Sought]) -> dict[int, UUID]:
    """Position to pupil; strangers are absent."""
    hints = await tx.rows(
        _HINTS,
        {
            "school_id": school_id,
            "numbers": [row.number for row in rows if row.number],
            "match_keys": [row.match_key for row in rows if row.match_key],
            "name_keys": [row.name_key for row in rows],
        },
    )
    if not hints:
        return {}
    known = {(hint.kind, hint.key) for hint in hints}
    asked = [
        {"position": position, **asdict(row)}
        for position, row in enumerate(rows)
        if known & {("number", row.number), ("match", row.match_key), ("name", row.name_key)}
    ]
    found = await tx.rows(_KNOWN, {"school_id": school_id, "rows": as_json(asked)})
    return {row.position: row.student_id for row in found if row.student_id is not None}

"""How PostgreSQL finds a school's pupils and parents: by what is asked for, also in a school that it never heard of."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import TextClause, text

from services.roster.storage import students
from shared.runtime.database import Database
from tests.integration.roster.office import Office
from tests.support.postgres import execute_as_owner

_ROWS = '[{"position": 0, "number": "7", "match_key": "m", "name_key": "n", "keys": ["k"]}]'
_FILL = """
INSERT INTO roster.students (school_id, student_id, name, name_key, match_key, sort_key, version)
SELECT CAST(:school_id AS uuid), gen_random_uuid(), 'Kim', 'n' || number, 'm' || number, 's' || number, 1
  FROM generate_series(1, 20000) AS number
"""


@pytest.mark.parametrize("analysed", [False, True], ids=["never analysed", "analysed"])
async def test_pupils_of_a_new_school_are_found_by_their_own_keys(office: Office, analysed: bool) -> None:
    async with office.database.transaction() as tx:
        await tx.execute(_FILL, {"school_id": office.school_id})
    if analysed:
        await execute_as_owner(office.database.url, "ANALYZE roster.students")
    for statement in (students._KNOWN, students._HINTS):
        plan = await _plan(office.database, statement, uuid4())
        for index in ("uq_students_number", "ix_students_match_key", "ix_students_name_key"):
            assert index in plan, plan
        conditions = [line for line in plan.splitlines() if "Index Cond" in line and "students" not in line]
        assert conditions
        assert not [line for line in conditions if "AND" not in line], plan


async def _plan(database: Database, statement: TextClause, school_id: UUID) -> str:
    async with database.transaction() as tx:
        await tx.execute("SELECT set_config('enable_seqscan', 'off', true)")
        known = {"rows": _ROWS, "numbers": ["7"], "match_keys": ["m"], "name_keys": ["n"]}
        explained: dict[str, Any] = {"school_id": school_id} | {
            name: value for name, value in known.items() if f":{name}" in statement.text
        }
        found = await tx.rows(text(f"EXPLAIN {statement.text}"), explained)
    return "\n".join(line for (line,) in found)

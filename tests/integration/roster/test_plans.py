"""How PostgreSQL finds a school's pupils and parents: by what is asked for, also in a school that it never heard of."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import TextClause, text

from services.roster.storage import loading, saving, students
from shared.runtime.database import Database
from tests.integration.roster.office import Office
from tests.support.postgres import execute_as_owner

_ROWS = '[{"position": 0, "number": "7", "match_key": "m", "name_key": "n", "keys": ["k"]}]'
_FILL = """
INSERT INTO students (school_id, student_id, name, name_key, match_key, sort_key, version)
SELECT CAST(:school_id AS uuid), gen_random_uuid(), 'Kim', 'n' || number, 'm' || number, 's' || number, 1
  FROM generate_series(1, 20000) AS number
"""
_FILL_PARENTS = """
INSERT INTO parents (school_id, parent_id, name, names, family_key, sort_key, version)
SELECT CAST(:school_id AS uuid), gen_random_uuid(), 'Kim', '{Kim}', 'k' || number, 's' || number, 1
  FROM generate_series(1, 20000) AS number
"""
_MANY = [f"x{number}" for number in range(500)]
_BATCH: dict[str, Any] = {
    "rows": _ROWS,
    **dict.fromkeys(("numbers", "match_keys", "name_keys", "keys"), _MANY),
    **{name: [uuid4() for _ in _MANY] for name in ("ids", "parent_ids", "student_ids")},
}
_PUPILS = ("uq_students_number", "ix_students_match_key", "ix_students_name_key")


@pytest.mark.parametrize("analysed", [False, True], ids=["never analysed", "analysed"])
@pytest.mark.parametrize("filled", [False, True], ids=["another school", "this school"])
async def test_a_batch_is_looked_up_by_its_own_keys(office: Office, analysed: bool, filled: bool) -> None:
    async with office.database.transaction() as tx:
        for statement in (_FILL, _FILL_PARENTS):
            await tx.execute(statement, {"school_id": office.school_id})
    if analysed:
        await execute_as_owner(office.database.url, "ANALYZE roster.students; ANALYZE roster.parents")
    school_id = UUID(office.school_id) if filled else uuid4()
    for asked, indexes in (
        (students._KNOWN, _PUPILS),
        (students._HINTS, _PUPILS),
        (loading._STUDENTS, ("pk_students",)),
        (loading._PARENTS, ("uq_parents_family_key", "pk_parents")),
        (saving._RELEASE_KEYS, ("pk_parents",)),
    ):
        plan = await _plan(office.database, asked, school_id)
        for index in indexes:
            assert index in plan, plan
        conditions = [line for line in plan.splitlines() if "Index Cond" in line]
        assert conditions
        assert not [line for line in conditions if "AND" not in line], plan


async def _plan(database: Database, statement: TextClause, school_id: UUID) -> str:
    async with database.transaction() as tx:
        await tx.execute("SELECT set_config('enable_seqscan', 'off', true)")
        asked = {name: value for name, value in _BATCH.items() if f":{name} " in statement.text}
        explained: dict[str, Any] = {"school_id": school_id} | asked
        found = await tx.rows(text(f"EXPLAIN {statement.text}"), explained)
    return "\n".join(line for (line,) in found)

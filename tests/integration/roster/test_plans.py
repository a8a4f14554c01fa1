"""Query plans: students and parents are found by their keys, also in a school without statistics."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import TextClause, text

from services.roster.storage import parents, students
from shared.runtime.database import Database
from tests.integration.roster.driver import RosterDriver
from tests.support.postgres import execute_as_owner

_ROWS = '[{"position": 0, "number": "7", "match_key": "m", "name_key": "n", "contact_keys": ["k"]}]'
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
    **dict.fromkeys(("numbers", "match_keys", "name_keys", "family_keys"), _MANY),
    **{name: [uuid4() for _ in _MANY] for name in ("ids", "parent_ids", "student_ids")},
}
_STUDENT_INDEXES = ("uq_students_number", "ix_students_match_key", "ix_students_name_key")


@pytest.mark.parametrize("analysed", [False, True], ids=["never analysed", "analysed"])
@pytest.mark.parametrize("filled", [False, True], ids=["another school", "this school"])
async def test_a_batch_is_looked_up_by_its_own_keys(
    driver: RosterDriver, analysed: bool, filled: bool
) -> None:
    async with driver.database.transaction() as tx:
        for fill in (_FILL, _FILL_PARENTS):
            await tx.execute(fill, {"school_id": driver.school_id})
    if analysed:
        await execute_as_owner(driver.database.url, "ANALYZE roster.students; ANALYZE roster.parents")
    school_id = UUID(driver.school_id) if filled else uuid4()
    for statement, indexes in (
        (students.MATCH_ROWS, _STUDENT_INDEXES),
        (students.FIND_KEYS, _STUDENT_INDEXES),
        (students.LOAD, ("pk_students",)),
        (parents.LOAD, ("uq_parents_family_key", "pk_parents")),
        (parents.CLEAR_FAMILY_KEYS, ("pk_parents",)),
    ):
        plan = await _plan(driver.database, statement, school_id)
        for index in indexes:
            assert index in plan, plan
        conditions = [line for line in plan.splitlines() if "Index Cond" in line]
        assert conditions
        assert not [line for line in conditions if "AND" not in line], plan


async def _plan(database: Database, statement: TextClause, school_id: UUID) -> str:
    async with database.transaction() as tx:
        await tx.execute("SELECT set_config('enable_seqscan', 'off', true)")
        parameters = {name: value for name, value in _BATCH.items() if f":{name} " in statement.text}
        parameters["school_id"] = school_id
        rows = await tx.rows(text(f"EXPLAIN {statement.text}"), parameters)
    return "\n".join(line for (line,) in rows)

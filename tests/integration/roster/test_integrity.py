"""References between people, which the database checks once per statement whoever writes."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy.exc import IntegrityError

from tests.integration.roster.builders import CLASSE365
from tests.integration.roster.driver import RosterDriver

_CONTACT = """
INSERT INTO contacts (school_id, contact_id, parent_id, kind, address, key, preferred, verified)
VALUES (CAST(:school_id AS uuid), gen_random_uuid(), CAST(:parent_id AS uuid), 'email', 'a@x', 'a@x', true, false)
"""
_LINK = """
INSERT INTO student_parents (school_id, student_id, parent_id, rights, reason)
VALUES (CAST(:school_id AS uuid), CAST(:student_id AS uuid), CAST(:parent_id AS uuid), 'full', 'entered')
"""
_STUDENT = """
INSERT INTO students (school_id, student_id, name, name_key, sort_key, version)
VALUES (CAST(:school_id AS uuid), gen_random_uuid(), 'Kim', 'kim', 'kim', 1)
"""
_PARENT = """
INSERT INTO parents (school_id, parent_id, name, names, sort_key, version)
VALUES (CAST(:school_id AS uuid), gen_random_uuid(), 'Kim', '{Kim}', 'kim', 1)
"""
_MOVE = "UPDATE contacts SET parent_id = CAST(:parent_id AS uuid) WHERE school_id = CAST(:school_id AS uuid)"
_COUNT = """
SELECT (SELECT count(*) FROM contacts) AS contacts, (SELECT count(*) FROM student_parents) AS links,
       (SELECT count(*) FROM parents) AS parents, (SELECT count(*) FROM students) AS students
"""


async def _assert_refused(driver: RosterDriver, statement: str, **parameters: Any) -> None:
    with pytest.raises(IntegrityError):
        async with driver.database.transaction() as tx:
            await tx.execute(statement, {"school_id": driver.school_id} | parameters)


async def _count_rows(driver: RosterDriver) -> tuple[int, ...]:
    async with driver.database.transaction() as tx:
        row = await tx.row(_COUNT)
    assert row is not None
    return tuple(row)


async def test_nothing_refers_to_people_or_schools_that_do_not_exist(driver: RosterDriver) -> None:
    student = await driver.add_student("Mia", **CLASSE365)
    ids = {"student_id": student["student_id"], "parent_id": student["parents"][0]["parent_id"]}
    for statement in (_STUDENT, _PARENT):
        await _assert_refused(driver, statement, school_id=str(uuid4()))
    for statement, unknown in ((_CONTACT, "parent_id"), (_LINK, "parent_id"), (_LINK, "student_id")):
        await _assert_refused(driver, statement, **{**ids, unknown: str(uuid4())})
    await _assert_refused(driver, _CONTACT, **ids, school_id=str(uuid4()))
    await _assert_refused(driver, _MOVE, parent_id=str(uuid4()))
    await _assert_refused(driver, "DELETE FROM schools WHERE school_id = CAST(:school_id AS uuid)")
    assert await _count_rows(driver) == (2, 1, 1, 1)


async def test_what_belongs_to_people_goes_with_them_and_counts_follow(driver: RosterDriver) -> None:
    for name in ("Mia", "Leo"):
        await driver.add_student(name, **CLASSE365)
    assert await driver.get("summary") == {"students": 2, "parents": 1}
    async with driver.database.transaction() as tx:
        await tx.execute("DELETE FROM students WHERE name = 'Leo'")
    assert await _count_rows(driver) == (2, 1, 1, 1)
    async with driver.database.transaction() as tx:
        await tx.execute("DELETE FROM parents")
    assert await _count_rows(driver) == (0, 0, 0, 1)
    assert await driver.get("summary") == {"students": 1, "parents": 0}
    async with driver.database.transaction() as tx:
        await tx.execute("DELETE FROM students")
        await tx.execute("DELETE FROM sibling_groups")
        await tx.execute("DELETE FROM schools WHERE school_id = CAST(:id AS uuid)", {"id": driver.school_id})
    assert await _count_rows(driver) == (0, 0, 0, 0)

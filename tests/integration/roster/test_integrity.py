"""What refers to people refers to people that are there, whoever writes: checked by the database once a statement."""

from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy.exc import IntegrityError

from tests.integration.roster.office import CLASSE365, Office

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
_LEFT = """
SELECT (SELECT count(*) FROM contacts) AS contacts, (SELECT count(*) FROM student_parents) AS links,
       (SELECT count(*) FROM parents) AS parents, (SELECT count(*) FROM students) AS students
"""


async def _refused(office: Office, statement: str, **parameters: Any) -> None:
    with pytest.raises(IntegrityError):
        async with office.database.transaction() as tx:
            await tx.execute(statement, {"school_id": office.school_id} | parameters)


async def _left(office: Office) -> tuple[int, ...]:
    async with office.database.transaction() as tx:
        row = await tx.row(_LEFT)
    assert row is not None
    return tuple(row)


async def test_nothing_refers_to_people_or_schools_that_do_not_exist(office: Office) -> None:
    student = await office.add("Mia", **CLASSE365)
    ids = {"student_id": student["student_id"], "parent_id": student["parents"][0]["parent_id"]}
    for statement in (_STUDENT, _PARENT):
        await _refused(office, statement, school_id=str(uuid4()))
    for statement, unknown in ((_CONTACT, "parent_id"), (_LINK, "parent_id"), (_LINK, "student_id")):
        await _refused(office, statement, **{**ids, unknown: str(uuid4())})
    await _refused(office, _CONTACT, **ids, school_id=str(uuid4()))
    await _refused(office, _MOVE, parent_id=str(uuid4()))
    await _refused(office, "DELETE FROM schools WHERE school_id = CAST(:school_id AS uuid)")
    assert await _left(office) == (2, 1, 1, 1)


async def test_what_belongs_to_people_goes_with_them_and_counts_follow(office: Office) -> None:
    for name in ("Mia", "Leo"):
        await office.add(name, **CLASSE365)
    assert await office.get("summary") == {"students": 2, "parents": 1}
    async with office.database.transaction() as tx:
        await tx.execute("DELETE FROM students WHERE name = 'Leo'")
    assert await _left(office) == (2, 1, 1, 1)
    async with office.database.transaction() as tx:
        await tx.execute("DELETE FROM parents")
    assert await _left(office) == (0, 0, 0, 1)
    assert await office.get("summary") == {"students": 1, "parents": 0}
    async with office.database.transaction() as tx:
        await tx.execute("DELETE FROM students")
        await tx.execute("DELETE FROM sibling_groups")
        await tx.execute("DELETE FROM schools WHERE school_id = CAST(:id AS uuid)", {"id": office.school_id})
    assert await _left(office) == (0, 0, 0, 0)

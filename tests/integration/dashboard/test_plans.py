"""How PostgreSQL finds a school's rows: by what is asked for, also in a school that it never heard of."""

from itertools import product

import pytest

from services.dashboard.domain.standing import STANDINGS, standings
from services.dashboard.domain.status import Delivery, State, Status
from services.dashboard.views.parents import ParentFilter, find_parent, list_parents, summarise, timeline_of
from services.dashboard.views.students import find_student, list_students
from shared.runtime.database import Database
from tests.integration.dashboard.feed import deliver
from tests.support.plans import Asked, planner
from tests.support.postgres import execute_as_owner
from tests.unit.dashboard.facts import Story

TABLES = ("parents", "links", "students", "timeline", "opt_outs")
# Of schools that the statistics know; rows enough that reading all of them would cost more than an index.
_FILL = """
SET search_path = dashboard;
SET app.owner = 'on';
INSERT INTO parents (school_id, parent_id, person_version, name, removed)
SELECT school_id, gen_random_uuid(), 1, 'Kim ' || number, false
  FROM (VALUES (gen_random_uuid()), (gen_random_uuid())) AS school (school_id), generate_series(1, 8000) AS number;
INSERT INTO students (school_id, student_id, version, name, removed)
SELECT school_id, gen_random_uuid(), 1, name, false FROM parents;
INSERT INTO links (school_id, parent_id, student_id, rights)
SELECT school_id, parent_id, gen_random_uuid(), 'full' FROM parents;
INSERT INTO timeline (school_id, parent_id, aggregate_id, version, kind, at)
SELECT school_id, parent_id, parent_id, 1, 'parent_added', now() FROM parents;
INSERT INTO opt_outs (school_id, parent_id, channel, address_digest, version, opted_out)
SELECT school_id, parent_id, 'sms', 'x', 1, true FROM parents;
ANALYZE parents, students, links, timeline, opt_outs;
"""
# A page in the order of names walks the school until it is full, and counts are of the whole school.
_OF_A_SCHOOL = ("LIMIT", "count(*)")


async def test_rows_are_found_by_their_whole_keys_in_a_school_nobody_has_counted(
    database: Database, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    await execute_as_owner(database.url, _FILL)
    asked = Asked()
    asked.watch(database, monkeypatch)
    await deliver(database, [story.school(), *story.all()])
    await _look(database, story)
    found = asked.about(*TABLES)
    assert len(found) > 20
    wrong = []
    async with planner(database) as plan:
        for statement, values in found.items():
            for which, text in (await plan.plans(statement, values)).items():
                walks = await plan.walks(text, columns=2)
                if walks and not any(word in statement for word in _OF_A_SCHOOL):
                    wrong.append(f"{walks} {which}: {statement}\n{text}")
    assert not wrong, "\n\n".join(wrong)


async def _look(database: Database, story: Story) -> None:
    """Every page that staff can open."""
    async with database.transaction(schools=[story.school_id]) as tx:
        here = story.school_id
        await find_parent(tx, here, story.parent_id)
        await find_student(tx, here, story.student_id)
        await timeline_of(tx, here, story.parent_id)
        await list_students(tx, here, text=None, not_signed_up=True, after=story.student_id, limit=10)
        await list_parents(tx, here, ParentFilter(), after=story.parent_id, limit=10)
        await summarise(tx, here)


async def test_a_page_of_parents_reads_each_standing_in_the_order_of_names(
    database: Database, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    await execute_as_owner(database.url, _FILL)
    await deliver(database, [story.school(), *story.all()])
    asked = Asked()
    asked.watch(database, monkeypatch)
    wanted = (
        ParentFilter(),
        ParentFilter(status=Status.EXPIRED),
        ParentFilter(delivery=Delivery.SENT),
        ParentFilter(Status.INVITED, Delivery.SENT),
    )
    async with database.transaction(schools=[story.school_id]) as tx:
        for one in wanted:
            await list_parents(tx, story.school_id, one, after=story.parent_id, limit=10)
    pages = {
        statement: values for statement, values in asked.about("parents").items() if "LATERAL" in statement
    }
    assert pages
    async with planner(database) as plan:
        for statement, values in pages.items():
            for text in (await plan.plans(statement, values)).values():
                assert "using ix_parents_standing" in text, text
                assert "standing = " in text.partition("Index Cond")[2].splitlines()[0], text


async def test_the_stored_number_says_what_status_and_delivery_say(database: Database, story: Story) -> None:
    states = [None, *State]
    deliveries = [None, *Delivery]
    async with database.transaction() as tx:
        for state, delivery, signed_up in product(states, deliveries, (False, True)):
            await tx.execute(
                "INSERT INTO parents (school_id, parent_id, state, delivery, signed_up_at)"
                " VALUES (:school, gen_random_uuid(), :state, :delivery, CASE WHEN :signed_up THEN now() END)",
                {"school": story.school_id, "state": state, "delivery": delivery, "signed_up": signed_up},
            )
        rows = await tx.rows("SELECT status, delivery, standing FROM parents")
    assert len(rows) == len(states) * len(deliveries) * 2
    for row in rows:
        assert STANDINGS[row.standing] == (row.status, row.delivery)
        assert row.standing in standings(Status(row.status), row.delivery and Delivery(row.delivery))
    assert {row.standing for row in rows} == set(standings())

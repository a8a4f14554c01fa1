"""Query plans: rows of a school are found by index, also in a school that the statistics do not know."""

from __future__ import annotations

import pytest

from services.dashboard.views.parents import ParentFilter, find_parent, list_parents, list_timeline, summarise
from services.dashboard.views.students import find_student, list_students
from shared.contracts.values import Delivery, InvitationStatus
from shared.runtime.database import Database
from tests.integration.dashboard.driver import deliver
from tests.support.plans import StatementLog, planner
from tests.support.postgres import execute_as_owner
from tests.unit.dashboard.builders import Story

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
_WHOLE_SCHOOL_QUERIES = ("LIMIT", "count(*)")


async def test_rows_are_found_by_their_whole_keys_in_a_school_without_statistics(
    database: Database, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    await execute_as_owner(database.url, _FILL)
    queries = StatementLog()
    queries.record(database, monkeypatch)
    await deliver(database, [story.school(), *story.all()])
    await _query_all_pages(database, story)
    statements = queries.naming(*TABLES)
    assert len(statements) > 20
    scans = []
    async with planner(database) as plan:
        for statement, values in statements.items():
            for which, text in (await plan.explain(statement, values)).items():
                walks = await plan.find_full_scans(text, columns=2)
                if walks and not any(word in statement for word in _WHOLE_SCHOOL_QUERIES):
                    scans.append(f"{walks} {which}: {statement}\n{text}")
    assert not scans, "\n\n".join(scans)


async def _query_all_pages(database: Database, story: Story) -> None:
    """Run the queries of every page that staff can open."""
    async with database.transaction(schools=[story.school_id]) as tx:
        school_id = story.school_id
        await find_parent(tx, school_id, story.parent_id)
        await find_student(tx, school_id, story.student_id)
        await list_timeline(tx, school_id, story.parent_id)
        await list_students(tx, school_id, text=None, not_signed_up=True, after=story.student_id, limit=10)
        await list_parents(tx, school_id, ParentFilter(), after=story.parent_id, limit=10)
        await summarise(tx, school_id)


async def test_a_page_of_parents_reads_each_sort_key_in_the_order_of_names(
    database: Database, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    await execute_as_owner(database.url, _FILL)
    await deliver(database, [story.school(), *story.all()])
    queries = StatementLog()
    queries.record(database, monkeypatch)
    filters = (
        ParentFilter(),
        ParentFilter(status=InvitationStatus.EXPIRED),
        ParentFilter(delivery=Delivery.SENT),
        ParentFilter(InvitationStatus.INVITED, Delivery.SENT),
    )
    async with database.transaction(schools=[story.school_id]) as tx:
        for parent_filter in filters:
            await list_parents(tx, story.school_id, parent_filter, after=story.parent_id, limit=10)
    pages = {
        statement: values for statement, values in queries.naming("parents").items() if "LATERAL" in statement
    }
    assert pages
    async with planner(database) as plan:
        for statement, values in pages.items():
            for text in (await plan.explain(statement, values)).values():
                assert "using ix_parents_standing" in text, text
                assert "standing = " in text.partition("Index Cond")[2].splitlines()[0], text

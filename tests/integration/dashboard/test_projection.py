from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.dashboard.views.parents import (
    ParentFilter,
    find_parent,
    list_parents,
    list_timeline,
    summarise,
    summarise_all,
)
from services.dashboard.views.students import list_students
from shared.contracts.envelope import Received
from shared.contracts.message import Message
from shared.contracts.roster import ParentRemoved, StudentRemoved
from shared.contracts.values import Delivery, InvitationStatus
from shared.runtime.database import Database
from tests.integration.dashboard.driver import HANDLERS, deliver, deliver_one_by_one
from tests.unit.dashboard.builders import Story


async def stored(database: Database, story: Story) -> Sequence[object]:
    """Return every stored row of the story."""
    async with database.transaction() as tx:
        tables = []
        for table in ("parents", "links", "students", "timeline", "opt_outs"):
            rows = await tx.rows(
                f"SELECT to_jsonb(t) FROM {table} t WHERE school_id = :school ORDER BY to_jsonb(t)::text",
                {"school": story.school_id},
            )
            tables.append([row[0] for row in rows])
        return tables


async def test_p14_the_story_ends_signed_up(database: Database, story: Story) -> None:
    await deliver(database, story.all())
    async with database.transaction() as tx:
        parent = await find_parent(tx, story.school_id, story.parent_id)
        entries = await list_timeline(tx, story.school_id, story.parent_id)
        summary = await summarise(tx, story.school_id)
    assert parent is not None
    assert (parent.name, parent.status, parent.delivery) == (
        story.name,
        InvitationStatus.SIGNED_UP,
        Delivery.DELIVERED,
    )
    assert [child.name for child in parent.children] == [story.child]
    assert [(contact.address, contact.verified) for contact in parent.contacts] == [(story.address, True)]
    assert entries[0].kind == "signed_up"
    assert len(entries) == len(story.all()) - 1
    assert summary.total == summary.status["signed_up"] == summary.delivery["delivered"] == 1


async def test_an_accepted_invitation_alone_is_not_yet_signed_up(database: Database, story: Story) -> None:
    await deliver(database, [*story.roster(), *story.invitations()])
    async with database.transaction() as tx:
        parent = await find_parent(tx, story.school_id, story.parent_id)
    assert parent is not None
    assert parent.status is InvitationStatus.INVITED


async def test_every_permutation_of_a_parents_events_ends_in_the_same_rows(database: Database) -> None:
    """Deliver each event once, in any order and batch size, and then some of them again."""
    expected_story = Story()
    await deliver(database, expected_story.all())
    expected = await stored(database, expected_story)
    loop = asyncio.get_running_loop()

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.permutations(range(len(expected_story.all()))), st.integers(1, 6))
    def permuted(order: list[int], size: int) -> None:
        rows = asyncio.run_coroutine_threadsafe(
            _deliver_in_order(database, expected_story, order, size), loop
        )
        assert rows.result(30) == expected

    await asyncio.to_thread(permuted)


async def _deliver_in_order(database: Database, like: Story, order: list[int], size: int) -> Sequence[object]:
    async with database.transaction() as tx:
        for table in ("parents", "links", "students", "timeline", "opt_outs"):
            await tx.execute(f"DELETE FROM {table} WHERE school_id = :school", {"school": like.school_id})
    events = [like.all()[index] for index in order]
    for start in range(0, len(events), size):
        await deliver(database, events[start : start + size])
    await deliver_one_by_one(database, random.sample(events, 5))
    return await stored(database, like)


async def test_a_removed_parent_is_not_listed_and_an_older_event_does_not_bring_it_back(
    database: Database, story: Story
) -> None:
    removed = story.event(ParentRemoved(parent_id=story.parent_id), 9, 50)
    await deliver_one_by_one(database, [removed, *story.all()])
    async with database.transaction() as tx:
        assert await find_parent(tx, story.school_id, story.parent_id) is None
        assert (await summarise(tx, story.school_id)).total == 0
        row = await tx.row("SELECT name, contacts, search FROM parents")
    assert row is not None
    assert (row.name, row.contacts, row.search) == ("", [], "")


async def test_a_removed_student_leaves_the_lists(database: Database, story: Story) -> None:
    await deliver(database, story.all())
    await deliver(database, [story.event(StudentRemoved(student_id=story.student_id), 2, 60)])
    async with database.transaction() as tx:
        parent = await find_parent(tx, story.school_id, story.parent_id)
        students, _ = await list_students(
            tx, story.school_id, text=None, not_signed_up=False, after=None, limit=10
        )
    assert parent is not None
    assert parent.children == ()
    assert students == []


async def test_a_batch_of_one_type_costs_a_handful_of_statements(database: Database) -> None:
    school = Story()
    stories = [
        replace(Story(), school_id=school.school_id, name=f"Parent {number:03}") for number in range(500)
    ]
    parents = [story.roster()[1] for story in stories]
    statements = await _count_statements(database, parents)
    assert statements <= 4
    sent = [story.invitations()[0] for story in stories]
    assert await _count_statements(database, sent) <= 3
    async with database.transaction() as tx:
        assert (await summarise(tx, school.school_id)).status["awaiting_verification"] == 500


async def _count_statements(database: Database, events: Sequence[Received[Message]]) -> int:
    """Return how many statements one batch runs."""
    statements: list[str] = []
    database.watch = statements.append
    async with database.transaction() as tx:
        statements.clear()
        await HANDLERS[type(events[0].data)](tx, events)
        count = len(statements)
    database.watch = None
    assert count
    return count


async def test_batches_that_meet_in_any_order_do_not_deadlock(database: Database) -> None:
    stories = [Story() for _ in range(60)]
    batches = [
        [story.roster()[1] for story in stories],
        [story.invitations()[0] for story in stories],
        [story.notifier()[0] for story in reversed(stories)],
        [story.signup()[0] for story in reversed(stories)],
    ]
    async with asyncio.TaskGroup() as group:
        for batch in batches:
            group.create_task(deliver(database, batch))


async def test_pages_come_in_the_order_of_names_and_cover_everybody(database: Database) -> None:
    school = Story()
    names = ["álvaro", "Zoë", "anna", "Anna", "Bo", "陈伟", "محمد"]
    for name in names:
        story = replace(Story(), school_id=school.school_id, name=name)
        await deliver(database, story.roster())
    seen: list[str] = []
    after: UUID | None = None
    async with database.transaction() as tx:
        while True:
            rows, after = await list_parents(tx, school.school_id, ParentFilter(), after=after, limit=2)
            seen.extend(row.name for row in rows)
            if after is None:
                break
    assert sorted(seen) == sorted(names)
    assert [name.lower() for name in seen] == sorted(name.lower() for name in names)


async def test_p22_the_filter_keeps_students_whose_parents_are_not_signed_up_yet(database: Database) -> None:
    done = Story()
    waiting = replace(Story(), school_id=done.school_id, child="Ben Stone")
    await deliver(database, [*done.all(), *waiting.roster()])
    async with database.transaction() as tx:
        rows, _ = await list_students(tx, done.school_id, text=None, not_signed_up=True, after=None, limit=10)
        everyone, _ = await list_students(
            tx, done.school_id, text=None, not_signed_up=False, after=None, limit=10
        )
        by_name, _ = await list_students(
            tx, done.school_id, text="stone", not_signed_up=False, after=None, limit=10
        )
    assert [row.name for row in rows] == ["Ben Stone"]
    assert len(everyone) == 2
    assert [row.student_id for row in by_name] == [waiting.student_id]


async def test_the_counts_of_many_schools_are_one_query(database: Database) -> None:
    stories = [Story() for _ in range(3)]
    for story in stories[:2]:
        await deliver(database, story.all())
    statements: list[str] = []
    database.watch = statements.append
    async with database.transaction() as tx:
        statements.clear()
        counts = await summarise_all(tx, [story.school_id for story in stories])
        assert len(statements) == 1
        singles = [await summarise(tx, story.school_id) for story in stories]
    assert [counts[story.school_id] for story in stories] == singles
    assert [summary.total for summary in singles] == [1, 1, 0]

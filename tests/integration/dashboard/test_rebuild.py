"""The projection made anew from what its owners have told, against the one that heard it live."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from services.dashboard.service.rebuild import NothingTold, Rebuilt, rebuild
from services.dashboard.storage import rebuilt
from services.dashboard.storage.rebuilt import TABLES, RebuildRunning, making
from services.dashboard.views.parents import find_parent, timeline_of
from shared.contracts.notifier import RecipientOptedOut
from shared.contracts.roster import (
    Channel,
    InvitationRequested,
    ParentDetails,
    ParentRemoved,
    ParentRenamed,
    StudentRemoved,
)
from shared.contracts.values import address_digest
from shared.runtime.database import Database
from tests.integration.dashboard.feed import HANDLERS, deliver
from tests.integration.dashboard.telling import Owners, emptied, everything, heard, owners_of
from tests.unit.dashboard.facts import MORNING, Story


@pytest.fixture
async def owners(database_url: str) -> AsyncIterator[Owners]:
    async with owners_of(database_url) as opened:
        yield opened


async def _town(owners: Owners, families: int = 4) -> list[Story]:
    """A school with families that have signed up, one that was removed, and one heard of by halves."""
    stories = [Story(name=f"Amal {number}") for number in range(families)]
    stories = [replace(story, school_id=stories[0].school_id) for story in stories]
    await owners.tell([stories[0].school(), *(fact for story in stories for fact in story.all())])
    first, second = stories[0], stories[1]
    wish = InvitationRequested(parent_id=first.parent_id, channel="email")
    await owners.tell([first.fact(wish, 4, 50, "staff:x")])
    await owners.tell([second.fact(ParentRemoved(parent_id=second.parent_id), 5, 60)])
    await owners.tell([second.fact(StudentRemoved(student_id=second.student_id), 2, 60)])
    await owners.tell(list(replace(Story(), school_id=first.school_id).invitations()))
    on: tuple[Channel, ...] = ("sms", "whatsapp")
    phone = address_digest("+441632960000")
    stops = [
        RecipientOptedOut(parent_id=first.parent_id, channel=channel, address_digest=phone, opted_out_at=at)
        for channel, at in zip(on, (MORNING, MORNING + timedelta(hours=1)), strict=True)
    ]
    await owners.tell([first.fact(stop, 1 + number, 70) for number, stop in enumerate(stops)])
    return stories


async def test_a_rebuild_of_an_emptied_projection_equals_the_live_one(
    database: Database, owners: Owners
) -> None:
    await _town(owners)
    live = await heard(database, owners)
    assert len(live["parents"]) == 5
    assert len(live["opt_outs"]) == 2
    assert len(live["timeline"]) > 60
    await emptied(database)
    done = await rebuild(database, owners.histories, HANDLERS)
    assert await everything(database) == live
    assert (done.schools, done.students, done.parents, done.refused) == (1, 4, 5, 0)


async def test_a_rebuild_of_what_is_right_changes_nothing_and_tells_nobody(
    database: Database, owners: Owners
) -> None:
    await _town(owners)
    live = await heard(database, owners)
    async with database.transaction() as tx:
        before = await tx.scalar("SELECT array_agg(xmin::text ORDER BY parent_id) FROM parents")
    done = await rebuild(database, owners.histories, HANDLERS)
    assert (done.schools, done.students, done.parents) == (0, 0, 0)
    assert await everything(database) == live
    async with database.transaction() as tx:
        assert await tx.scalar("SELECT array_agg(xmin::text ORDER BY parent_id) FROM parents") == before


async def test_rows_and_lines_that_are_wrong_are_put_right(database: Database, owners: Owners) -> None:
    """Wrong values of the right version, versions that no owner ever told, and rows of nobody."""
    first, *_ = await _town(owners)
    live = await heard(database, owners)
    stranger = Story()
    await deliver(database, [stranger.school(), *stranger.all()])
    async with database.transaction() as tx:
        await tx.execute("UPDATE parents SET name = 'Nobody', progress_version = 99, state = 'expired'")
        await tx.execute("UPDATE parents SET account_id = NULL, signed_up_at = NULL, confirmed = '{}'")
        await tx.execute("UPDATE students SET class_name = '9z'")
        await tx.execute("UPDATE opt_outs SET opted_out = false, version = 7 WHERE channel = 'sms'")
        await tx.execute("DELETE FROM links WHERE parent_id = :parent", {"parent": first.parent_id})
        await tx.execute("UPDATE timeline SET actor = 'staff:wrong' WHERE kind = 'parent_added'")
        await tx.execute("UPDATE timeline SET kind = 'odd' WHERE kind = 'signed_up'")
        await tx.execute("DELETE FROM timeline WHERE kind = 'invitation_issued'")
    await rebuild(database, owners.histories, HANDLERS)
    assert await everything(database) == live


async def test_facts_that_come_in_meanwhile_are_not_lost(database: Database, owners: Owners) -> None:
    """Heard live after the rebuild has read their owner, before it puts its rows in place."""
    first, *_ = await _town(owners)
    await heard(database, owners)
    renamed = ParentRenamed(parent_id=first.parent_id, parent=ParentDetails(name="Newest"))
    late = first.fact(renamed, 9, 99)
    newcomer = replace(Story(name="Newcomer"), school_id=first.school_id)
    heard_late = False

    class Slow:
        """The last owner, during whose reading the facts come."""

        owner = "signup"

        async def count(self) -> int:
            return await owners.histories[-1].count()

        async def pages(self) -> AsyncIterator[object]:
            nonlocal heard_late
            async for page in owners.histories[-1].pages():
                yield page
            await deliver(database, [late, *newcomer.roster()])
            heard_late = True

    async with database.transaction() as tx:
        await tx.execute("UPDATE parents SET language = 'xx'")
    await rebuild(database, [*owners.histories[:-1], Slow()], HANDLERS)  # type: ignore[list-item]
    assert heard_late
    async with database.transaction() as tx:
        parent = await find_parent(tx, first.school_id, first.parent_id)
        new = await find_parent(tx, first.school_id, newcomer.parent_id)
        wrong = await tx.scalar("SELECT count(*) FROM parents WHERE language = 'xx'")
    assert parent is not None
    assert (parent.name, parent.language, wrong) == ("Newest", None, 0)
    assert new is not None
    assert [child.name for child in new.children] == [newcomer.child]


async def test_what_the_outbox_has_forgotten_is_still_known(database: Database, owners: Owners) -> None:
    """A week later: the same rows and lines, though old names and addresses are nowhere any more."""
    first, second, *_ = await _town(owners)
    live = await heard(database, owners)
    await owners.age()
    async with owners.databases["roster"].transaction() as tx:
        assert await tx.scalar("SELECT count(*) FROM outbox") == 0
        kept = await tx.rows(
            "SELECT key, data FROM history WHERE topic = 'roster.parent' AND data IS NOT NULL"
        )
    assert "typo@example.org" not in "".join(row.data for row in kept)
    assert sum(row.key == str(first.parent_id) for row in kept) == 2, "the newest state, and the wish"
    assert [row.data for row in kept if row.key == str(second.parent_id)] == [
        ParentRemoved(parent_id=second.parent_id).model_dump_json()
    ]
    await emptied(database)
    await rebuild(database, owners.histories, HANDLERS)
    assert await everything(database) == live
    async with database.transaction() as tx:
        lines = await timeline_of(tx, first.school_id, first.parent_id)
    assert {"parent_added", "parent_contact_changed", "signed_up"} <= {line.kind for line in lines}


async def test_a_line_older_than_all_that_the_owner_remembers_stays(
    database: Database, owners: Owners
) -> None:
    await _town(owners)
    live = await heard(database, owners)
    async with owners.databases["invitations"].transaction() as tx:
        await tx.execute("DELETE FROM outbox WHERE id = (SELECT min(id) FROM outbox)")
    await rebuild(database, owners.histories, HANDLERS)
    assert (await everything(database))["timeline"] == live["timeline"]


async def test_a_fact_that_no_handler_can_take_is_counted_and_the_rest_is_rebuilt(
    database: Database, owners: Owners
) -> None:
    await _town(owners)
    live = await heard(database, owners)
    async with owners.databases["roster"].transaction() as tx:
        await tx.execute(
            "INSERT INTO outbox (message_id, topic, key, lane, headers, data)"
            " SELECT message_id, topic, key, lane, headers, '{}' FROM outbox LIMIT 1"
        )
    await emptied(database)
    assert (await rebuild(database, owners.histories, HANDLERS)).refused == 1
    assert await everything(database) == live


async def test_an_owner_who_knows_nothing_empties_no_page(database: Database, owners: Owners) -> None:
    await _town(owners)
    live = await heard(database, owners)
    async with owners.databases["roster"].transaction() as tx:
        await tx.execute("DELETE FROM outbox")
    with pytest.raises(NothingTold):
        await rebuild(database, owners.histories, HANDLERS)
    assert await everything(database) == live


async def test_every_table_that_only_consumers_write_is_rebuilt(database: Database) -> None:
    query = """
        SELECT relname FROM pg_class
         WHERE relnamespace = CAST('dashboard' AS regnamespace) AND relkind = 'r'
           AND has_table_privilege('dashboard_api', oid, 'SELECT')
           AND NOT has_table_privilege('dashboard_api', oid, 'INSERT')
    """
    async with database.transaction() as tx:
        tables = {row.relname for row in await tx.rows(query)}
    assert tables == set(TABLES)


async def test_two_rebuilds_do_not_meet(
    database: Database, owners: Owners, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuilt, "PATIENCE_SECONDS", 0.1)
    async with making(database):
        with pytest.raises(RebuildRunning):
            await rebuild(database, owners.histories, HANDLERS)
    assert await rebuild(database, owners.histories, HANDLERS) == Rebuilt()

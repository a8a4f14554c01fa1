"""Rebuild of the projection from the event archives, compared with the projection of live events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from services.dashboard.rebuild.run import NoEvents, RebuildResult, rebuild
from services.dashboard.rebuild.staging_tables import TABLES, RebuildInProgress, open_rebuild_session
from services.dashboard.views.parents import find_parent, list_timeline
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
from tests.integration.dashboard.driver import HANDLERS, deliver
from tests.integration.dashboard.source_services import (
    SourceServices,
    empty_projection,
    open_source_services,
    project_events,
    read_projection,
)
from tests.unit.dashboard.builders import START, Story


@pytest.fixture
async def sources(database_url: str) -> AsyncIterator[SourceServices]:
    async with open_source_services(database_url) as opened:
        yield opened


async def _emit_school(sources: SourceServices, parents: int = 4) -> list[Story]:
    """Emit the events of a school: parents who signed up, one removed parent, one with invitation events only."""
    stories = [Story(name=f"Amal {number}") for number in range(parents)]
    stories = [replace(story, school_id=stories[0].school_id) for story in stories]
    await sources.emit([stories[0].school(), *(event for story in stories for event in story.all())])
    first, second = stories[0], stories[1]
    request = InvitationRequested(parent_id=first.parent_id, channel="email")
    await sources.emit([first.event(request, 4, 50, "staff:x")])
    await sources.emit([second.event(ParentRemoved(parent_id=second.parent_id), 5, 60)])
    await sources.emit([second.event(StudentRemoved(student_id=second.student_id), 2, 60)])
    await sources.emit(list(replace(Story(), school_id=first.school_id).invitations()))
    channels: tuple[Channel, ...] = ("sms", "whatsapp")
    phone = address_digest("+441632960000")
    opt_outs = [
        RecipientOptedOut(parent_id=first.parent_id, channel=channel, address_digest=phone, opted_out_at=at)
        for channel, at in zip(channels, (START, START + timedelta(hours=1)), strict=True)
    ]
    await sources.emit([first.event(opt_out, 1 + number, 70) for number, opt_out in enumerate(opt_outs)])
    return stories


async def test_a_rebuild_of_an_emptied_projection_equals_the_live_one(
    database: Database, sources: SourceServices
) -> None:
    await _emit_school(sources)
    live = await project_events(database, sources)
    assert len(live["parents"]) == 5
    assert len(live["opt_outs"]) == 2
    assert len(live["timeline"]) > 60
    await empty_projection(database)
    result = await rebuild(database, sources.archives, HANDLERS)
    assert await read_projection(database) == live
    assert (result.schools, result.students, result.parents, result.rejected) == (1, 4, 5, 0)


async def test_a_rebuild_of_a_correct_projection_changes_nothing(
    database: Database, sources: SourceServices
) -> None:
    await _emit_school(sources)
    live = await project_events(database, sources)
    async with database.transaction() as tx:
        before = await tx.scalar("SELECT array_agg(xmin::text ORDER BY parent_id) FROM parents")
    result = await rebuild(database, sources.archives, HANDLERS)
    assert (result.schools, result.students, result.parents) == (0, 0, 0)
    assert await read_projection(database) == live
    async with database.transaction() as tx:
        assert await tx.scalar("SELECT array_agg(xmin::text ORDER BY parent_id) FROM parents") == before


async def test_wrong_rows_and_entries_are_corrected(database: Database, sources: SourceServices) -> None:
    """Wrong values of the right version, versions that no service emitted, and rows without events."""
    first, *_ = await _emit_school(sources)
    live = await project_events(database, sources)
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
    await rebuild(database, sources.archives, HANDLERS)
    assert await read_projection(database) == live


async def test_events_that_arrive_during_a_rebuild_are_not_lost(
    database: Database, sources: SourceServices
) -> None:
    """Events are received live after the rebuild has read their source and before it swaps the tables."""
    first, *_ = await _emit_school(sources)
    await project_events(database, sources)
    renamed = ParentRenamed(parent_id=first.parent_id, parent=ParentDetails(name="Newest"))
    late = first.event(renamed, 9, 99)
    newcomer = replace(Story(name="Newcomer"), school_id=first.school_id)
    delivered_late = False

    class SlowSource:
        """Source that is read last, while the events arrive."""

        service = "signup"

        async def count(self) -> int:
            return await sources.archives[-1].count()

        async def pages(self) -> AsyncIterator[object]:
            nonlocal delivered_late
            async for page in sources.archives[-1].pages():
                yield page
            await deliver(database, [late, *newcomer.roster()])
            delivered_late = True

    async with database.transaction() as tx:
        await tx.execute("UPDATE parents SET language = 'xx'")
    await rebuild(database, [*sources.archives[:-1], SlowSource()], HANDLERS)  # type: ignore[list-item]
    assert delivered_late
    async with database.transaction() as tx:
        parent = await find_parent(tx, first.school_id, first.parent_id)
        new = await find_parent(tx, first.school_id, newcomer.parent_id)
        wrong = await tx.scalar("SELECT count(*) FROM parents WHERE language = 'xx'")
    assert parent is not None
    assert (parent.name, parent.language, wrong) == ("Newest", None, 0)
    assert new is not None
    assert [child.name for child in new.children] == [newcomer.child]


async def test_archived_events_rebuild_the_same_projection(
    database: Database, sources: SourceServices
) -> None:
    """A week later the rows and entries are the same, although superseded personal data is blanked."""
    first, second, *_ = await _emit_school(sources)
    live = await project_events(database, sources)
    await sources.archive_events()
    async with sources.databases["roster"].transaction() as tx:
        assert await tx.scalar("SELECT count(*) FROM outbox") == 0
        archived = await tx.rows(
            "SELECT key, data FROM history WHERE topic = 'roster.parent' AND data IS NOT NULL"
        )
    assert "typo@example.org" not in "".join(row.data for row in archived)
    assert sum(row.key == str(first.parent_id) for row in archived) == 2, "the newest state, and the request"
    assert [row.data for row in archived if row.key == str(second.parent_id)] == [
        ParentRemoved(parent_id=second.parent_id).model_dump_json()
    ]
    await empty_projection(database)
    await rebuild(database, sources.archives, HANDLERS)
    assert await read_projection(database) == live
    async with database.transaction() as tx:
        entries = await list_timeline(tx, first.school_id, first.parent_id)
    assert {"parent_added", "parent_contact_changed", "signed_up"} <= {entry.kind for entry in entries}


async def test_an_entry_older_than_the_archive_stays(database: Database, sources: SourceServices) -> None:
    await _emit_school(sources)
    live = await project_events(database, sources)
    async with sources.databases["invitations"].transaction() as tx:
        await tx.execute("DELETE FROM outbox WHERE id = (SELECT min(id) FROM outbox)")
    await rebuild(database, sources.archives, HANDLERS)
    assert (await read_projection(database))["timeline"] == live["timeline"]


async def test_an_event_that_no_handler_accepts_is_counted_and_the_rest_is_rebuilt(
    database: Database, sources: SourceServices
) -> None:
    await _emit_school(sources)
    live = await project_events(database, sources)
    async with sources.databases["roster"].transaction() as tx:
        await tx.execute(
            "INSERT INTO outbox (message_id, topic, key, lane, headers, data)"
            " SELECT message_id, topic, key, lane, headers, '{}' FROM outbox LIMIT 1"
        )
    await empty_projection(database)
    assert (await rebuild(database, sources.archives, HANDLERS)).rejected == 1
    assert await read_projection(database) == live


async def test_an_empty_archive_empties_no_page(database: Database, sources: SourceServices) -> None:
    await _emit_school(sources)
    live = await project_events(database, sources)
    async with sources.databases["roster"].transaction() as tx:
        await tx.execute("DELETE FROM outbox")
    with pytest.raises(NoEvents):
        await rebuild(database, sources.archives, HANDLERS)
    assert await read_projection(database) == live


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


async def test_two_rebuilds_do_not_run_at_once(database: Database, sources: SourceServices) -> None:
    async with open_rebuild_session(database):
        with pytest.raises(RebuildInProgress):
            await rebuild(database, sources.archives, HANDLERS, lock_timeout_seconds=0.1)
    assert await rebuild(database, sources.archives, HANDLERS) == RebuildResult()

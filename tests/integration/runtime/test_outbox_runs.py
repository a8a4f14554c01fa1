"""Messages wait in runs: what one statement emits has ids in a row, and one row says that it waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from shared.runtime.core import is_transient
from shared.runtime.database import EVERY_SCHOOL, Database
from shared.runtime.messaging import Lane, emit
from shared.runtime.messaging.event_archive import archive_sent
from shared.runtime.messaging.outbox.emit import IS_PENDING, MAX_MESSAGES_PER_RUN
from shared.runtime.messaging.outbox.republish import republish
from shared.runtime.messaging.outbox.store import OutboxStore
from shared.runtime.messaging.outbox.wakeups import outbox_channel, wakeups_of
from tests.integration.runtime.driver import added

_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@pytest.fixture
async def roster(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, schema="roster") as database:
        yield database


@pytest.fixture
async def queue(roster: Database) -> AsyncIterator[OutboxStore]:
    opened = OutboxStore(roster, Lane.BULK)
    yield opened
    opened.disconnect()


async def _all(database: Database, statement: str) -> list[Any]:
    async with database.transaction() as tx:
        return list(await tx.rows(statement))


async def _emit(database: Database, count: int) -> None:
    async with database.transaction() as tx:
        await emit(tx, *(added() for _ in range(count)), lane=Lane.BULK)


async def test_a_statement_is_a_run_and_a_long_one_several(roster: Database) -> None:
    async with roster.transaction(schools=EVERY_SCHOOL) as tx:
        messages = [added() for _ in range(2 * MAX_MESSAGES_PER_RUN + 1)]
        await emit(tx, *messages, lane=Lane.BULK)
        await emit(tx, added(), lane=Lane.SINGLE)
    runs = await _all(roster, "SELECT lane, first_id, last_id FROM outbox_runs ORDER BY first_id")
    assert [(run.lane, run.last_id - run.first_id + 1) for run in runs] == [
        ("bulk", MAX_MESSAGES_PER_RUN),
        ("bulk", MAX_MESSAGES_PER_RUN),
        ("bulk", 1),
        ("single", 1),
    ]
    keys = [row.key for row in await _all(roster, "SELECT key FROM outbox WHERE lane = 'bulk' ORDER BY id")]
    assert keys == [message.data.key for message in messages]
    assert len(await _all(roster, f"SELECT id FROM outbox WHERE {IS_PENDING}")) == 2_002


async def test_whole_runs_are_taken_until_there_are_enough_and_marked_as_such(
    roster: Database, queue: OutboxStore
) -> None:
    for count in (3, 4, 5):
        await _emit(roster, count)
    rows = await queue.list_pending(5)
    assert len(rows) == 7
    await queue.mark_sent([rows[0]["first_id"]])
    assert len(await queue.list_pending(5)) == 9
    assert len(await _all(roster, f"SELECT id FROM outbox WHERE {IS_PENDING}")) == 9


async def test_a_run_whose_messages_are_gone_is_shown_to_the_relay(
    roster: Database, queue: OutboxStore
) -> None:
    await _emit(roster, 2)
    async with roster.transaction() as tx:
        await tx.execute("DELETE FROM outbox")
    [row] = await queue.list_pending(5)
    assert row["data"] is None
    await queue.mark_sent([row["first_id"]])
    assert await queue.list_pending(5) == []


async def test_a_connection_that_fails_within_the_driver_is_waited_out(
    roster: Database, queue: OutboxStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asyncpg says so with an error of its own where the server dies while a statement is on its way."""
    await _emit(roster, 1)

    async def failed(*_: Any) -> None:
        raise asyncpg.InternalClientError("got result for unknown protocol state 3")

    with monkeypatch.context() as patch:
        patch.setattr(asyncpg.Connection, "fetch", failed)
        with pytest.raises(ConnectionError) as raised:
            await queue.list_pending(1)
    assert is_transient(raised.value)
    assert len(await queue.list_pending(1)) == 1


async def test_only_what_does_not_wait_is_published_again_or_forgotten(
    roster: Database, queue: OutboxStore
) -> None:
    await _emit(roster, 3)
    first = (await queue.list_pending(1))[0]["first_id"]
    await _emit(roster, 2)
    await queue.mark_sent([first])
    async with roster.transaction() as tx:
        assert await republish(tx, since=_LONG_AGO) == 3
        assert await republish(tx, since=_LONG_AGO) == 0
    assert len(await queue.list_pending(100)) == 5
    await queue.mark_sent([row["first_id"] for row in (await queue.list_pending(1))])
    async with roster.transaction() as tx:
        await tx.execute("UPDATE outbox SET created_at = now() - interval '8 days'")
    async with roster.transaction() as tx:
        assert await archive_sent(tx, days=7, batch=100) == 1
    assert len(await queue.list_pending(100)) == 4


async def test_a_commit_notifies_unless_the_relay_is_in_this_process(roster: Database) -> None:
    wakeups = wakeups_of(roster)
    payloads: list[str] = []
    connection = await asyncpg.connect(make_url(roster.url).set(drivername="postgresql").render_as_string())
    try:
        await connection.add_listener(
            outbox_channel("roster"), lambda *arguments: payloads.append(arguments[3])
        )
        wakeups.lease_valid_until = {"bulk": asyncio.get_running_loop().time() + 3_600}
        wakeups.on_emit(lambda *_: None)
        async with roster.transaction() as tx:
            await emit(tx, added(), lane=Lane.BULK)
            await emit(tx, added())
            await emit(tx, added())
        # A notification of this connection arrives after all earlier ones.
        await connection.execute(f"NOTIFY {outbox_channel('roster')}, 'end'")
        assert [payload.partition(" ")[0] for payload in payloads] == ["single", "end"]
        assert wakeups.lane_of_notification(payloads[0]) is None
    finally:
        await connection.close()

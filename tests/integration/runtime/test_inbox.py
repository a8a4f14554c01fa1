"""What a group has passed is remembered, under a name that never changes, for as long as it may come again."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from shared.contracts.topics import consumer_groups
from shared.runtime.core import ServiceSettings, new_id
from shared.runtime.core.ids import lowest_id_at
from shared.runtime.database import Database
from shared.runtime.messaging.inbox.dedup import (
    FIRST_OWN_ID,
    dedup_id,
    new_in_batch,
    record_and_filter,
    record_batch,
)
from shared.runtime.messaging.retention import BATCH, Retention
from tests.support.apps import COMMON_ENVIRONMENT
from tests.support.postgres import as_owner
from tests.support.waiting import eventually

GROUP, OTHER = "invitations.on-roster", "invitations.on-signup"
OURS = "/kinvite/roster"


def _marks(count: int) -> list[str]:
    return [dedup_id(OURS, str(new_id())) for _ in range(count)]


async def _pass_later(database: Database, group: str, marks: Sequence[str]) -> set[str]:
    async with database.transaction() as tx:
        return await record_and_filter(tx, group, marks)


async def _begin_with(database: Database, group: str, marks: Sequence[str]) -> set[str]:
    async with database.transaction(first=record_batch(group, marks)) as (tx, new):
        return await new_in_batch(tx, group, marks, new)


in_both_ways = pytest.mark.parametrize("pass_in", [_begin_with, _pass_later])
Way = Callable[[Database, str, Sequence[str]], Coroutine[None, None, set[str]]]


def test_a_mark_is_our_own_id_or_a_digest_that_can_be_no_id_of_ours() -> None:
    own_id = str(new_id())
    assert dedup_id(OURS, own_id) == own_id
    foreign_ids = {
        dedup_id("/somebody/else", own_id),
        dedup_id(OURS, own_id.upper()),
        dedup_id(OURS, str(uuid4())),
        dedup_id(OURS, "1"),
        dedup_id("/kinvite/roster1", ""),
        dedup_id("/kinvite/roster", "1\n"),
    }
    assert len(foreign_ids) == 6
    assert all(UUID(mark) < FIRST_OWN_ID < UUID(own_id) for mark in foreign_ids)


@in_both_ways
async def test_i10_what_was_passed_is_not_new_a_second_time(database_url: str, pass_in: Way) -> None:
    processed, new = _marks(20), _marks(20)
    async with Database(database_url, schema="invitations") as database:
        assert await pass_in(database, GROUP, processed + processed) == set(processed)
        assert await pass_in(database, GROUP, processed + new) == set(new)
        assert await pass_in(database, GROUP, processed + new) == set()
        assert await pass_in(database, OTHER, processed) == set(processed), "each group for itself"
        assert await pass_in(database, OTHER, []) == set()


async def test_a_transaction_that_begins_with_the_records_takes_no_round_trip_more_for_them(
    database_url: str,
) -> None:
    marks = _marks(2)
    async with Database(database_url, schema="invitations") as database:
        assert await _begin_with(database, GROUP, marks[:1])
        sent: list[str] = []
        database.watch = sent.append
        assert await _begin_with(database, GROUP, marks[1:])
        assert [statement.split()[0] for statement in sent] == ["BEGIN", "WITH", "COMMIT"]
        async with database.transaction(first=record_batch(GROUP, marks)) as (tx, _):
            assert tx.now == await tx.scalar("SELECT now()")


@in_both_ways
@pytest.mark.parametrize("first_commits", [True, False])
async def test_i10_i16_of_two_at_once_one_passes_a_record(
    database_url: str, first_commits: bool, pass_in: Way
) -> None:
    """The second waits for the end of the first; marks in any order cannot block each other."""
    marks = _marks(50)

    async def waits(database: Database) -> None:
        async with database.transaction() as tx:
            assert await tx.scalar("SELECT count(*) FROM pg_locks WHERE NOT granted")

    async with Database(database_url, schema="invitations") as database:
        begun, other = asyncio.Event(), asyncio.Event()

        async def first() -> None:
            async with database.transaction() as tx:
                assert await record_and_filter(tx, GROUP, marks) == set(marks)
                begun.set()
                await other.wait()
                if not first_commits:
                    raise LookupError

        one = asyncio.create_task(first())
        await begun.wait()
        two = asyncio.create_task(pass_in(database, GROUP, marks[::-1]))
        await eventually(lambda: waits(database))
        other.set()
        await asyncio.gather(one, return_exceptions=True)
        assert await two == (set() if first_commits else set(marks))


async def test_every_group_has_its_place(database_url: str) -> None:
    """A group that is added needs a migration that adds it to its service's type."""
    connection = await asyncpg.connect(as_owner(database_url).replace("+asyncpg", ""))
    try:
        plan = []
        for service in {group.partition(".")[0] for group in consumer_groups()}:
            kind = f"NULL::{service}.consumer_group"
            plan += await connection.fetchval(f"SELECT enum_range({kind})::text[]")
    finally:
        await connection.close()
    assert sorted(plan) == list(consumer_groups())


async def test_i11_forgotten_is_what_can_not_come_again_and_nothing_else(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = {"KINVITE_DATABASE_URL": database_url, "KINVITE_KAFKA_BOOTSTRAP": "127.0.0.1:1"}
    for name, value in {**COMMON_ENVIRONMENT, **places}.items():
        monkeypatch.setenv(name, value)
    put = """
    INSERT INTO inbox (consumer, id, passed_at)
    SELECT CAST(CAST(:group AS text) AS consumer_group), id, CAST(:at AS timestamptz)
      FROM unnest(CAST(:ids AS uuid[])) AS made (id)
    """
    async with Database(database_url, schema="invitations") as database:
        keeper = Retention(database, ServiceSettings())
        async with database.transaction() as tx:
            long_ago, lately = (tx.now - timedelta(days=keeper._inbox_days, hours=h) for h in (1, -1))
            old = [UUID(int=lowest_id_at(long_ago).int + n) for n in range(BATCH + 1)]
            foreign = [UUID(dedup_id("/somebody/else", str(n))) for n in range(4)]
            remaining = [UUID(int=lowest_id_at(lately).int), *foreign[2:], UUID(int=old[0].int - 1)]
            for ids, at in ((old + foreign[:2], long_ago), (remaining, lately)):
                await tx.execute(put, {"group": GROUP, "ids": ids, "at": at})
        assert await keeper.delete_batch(), "there is more"
        assert not await keeper.delete_batch()
        async with database.transaction() as tx:
            left = {row.id for row in await tx.rows("SELECT id FROM inbox")}
    assert left == set(remaining)

"""What a group has passed is remembered, under a name that never changes, for as long as it may come again."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import TextClause

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
from shared.runtime.migrations.stepwise import narrow_inbox
from tests.support.apps import COMMON_ENVIRONMENT
from tests.support.postgres import as_owner, execute_as_owner
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
    ours = str(new_id())
    assert dedup_id(OURS, ours) == ours
    others = {
        dedup_id("/somebody/else", ours),
        dedup_id(OURS, ours.upper()),
        dedup_id(OURS, str(uuid4())),
        dedup_id(OURS, "1"),
        dedup_id("/kinvite/roster1", ""),
        dedup_id("/kinvite/roster", "1\n"),
    }
    assert len(others) == 6
    assert all(UUID(mark) < FIRST_OWN_ID < UUID(ours) for mark in others)


@in_both_ways
async def test_i10_what_was_passed_is_not_new_a_second_time(database_url: str, pass_in: Way) -> None:
    known, new = _marks(20), _marks(20)
    async with Database(database_url, schema="invitations") as database:
        assert await pass_in(database, GROUP, known + known) == set(known)
        assert await pass_in(database, GROUP, known + new) == set(new)
        assert await pass_in(database, GROUP, known + new) == set()
        assert await pass_in(database, OTHER, known) == set(known), "each group for itself"
        assert await pass_in(database, OTHER, []) == set()


async def test_a_transaction_that_begins_with_the_records_takes_no_round_trip_more_for_them(
    database_url: str,
) -> None:
    marks = _marks(2)
    async with Database(database_url, schema="invitations") as database:
        assert await _begin_with(database, GROUP, marks[:1])
        heard: list[str] = []
        database.watch = heard.append
        assert await _begin_with(database, GROUP, marks[1:])
        assert [said.split()[0] for said in heard] == ["BEGIN", "WITH", "COMMIT"]
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
        found = []
        for service in {group.partition(".")[0] for group in consumer_groups()}:
            kind = f"NULL::{service}.consumer_group"
            found += await connection.fetchval(f"SELECT enum_range({kind})::text[]")
    finally:
        await connection.close()
    assert sorted(found) == list(consumer_groups())


class _Script:
    """Migration statements, kept."""

    def __init__(self) -> None:
        self.statements: list[str] = []

    def execute(self, sqltext: Any) -> None:
        """Keep one."""
        self.statements.append(sqltext.text if isinstance(sqltext, TextClause) else sqltext)


async def test_i10_what_was_remembered_in_the_old_form_is_known_in_the_new_one(database_url: str) -> None:
    identities = [
        (OURS, str(new_id())),
        (OURS, str(uuid4())),
        ("/élsewhere", str(new_id())),
        ("/a", "b:\\c'"),
    ]
    names = ", ".join("('{}', '{}')".format(*(one.replace("'", "''") for one in pair)) for pair in identities)
    script = _Script()
    narrow_inbox(script, [GROUP])
    before = f"""
        SET search_path = invitations; DROP TABLE inbox; DROP TYPE consumer_group;
        CREATE TABLE inbox (consumer text NOT NULL, source text NOT NULL, message_id text NOT NULL,
            passed_at timestamptz NOT NULL DEFAULT now() - interval '1 day',
            CONSTRAINT pk_inbox PRIMARY KEY (consumer, source, message_id));
        INSERT INTO inbox SELECT '{GROUP}', * FROM (VALUES {names}) AS old;
        INSERT INTO inbox VALUES ('invitations.on-nobody', 's', 'i');
    """
    after = "GRANT SELECT, INSERT, DELETE ON inbox TO invitations_worker"
    await execute_as_owner(database_url, ";".join([before, *script.statements, after]))
    fresh = dedup_id(OURS, str(new_id()))
    async with Database(database_url, schema="invitations") as database, database.transaction() as tx:
        assert await record_and_filter(tx, GROUP, [*(dedup_id(*one) for one in identities), fresh]) == {fresh}
        assert await tx.scalar("SELECT count(*) FROM inbox WHERE passed_at < now()") == len(identities)


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
            kept = [UUID(int=lowest_id_at(lately).int), *foreign[2:], UUID(int=old[0].int - 1)]
            for ids, at in ((old + foreign[:2], long_ago), (kept, lately)):
                await tx.execute(put, {"group": GROUP, "ids": ids, "at": at})
        assert await keeper.delete_batch(), "there is more"
        assert not await keeper.delete_batch()
        async with database.transaction() as tx:
            left = {row.id for row in await tx.rows("SELECT id FROM inbox")}
    assert left == set(kept)

"""A transaction costs three round trips beside its work, also when the server ended its connection meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import Integer, bindparam, literal, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, ProgrammingError

from shared.runtime.core import is_invalid_value, is_transient
from shared.runtime.database import Database, FirstStatement, Result, SchoolsOf
from shared.runtime.messaging.inbox.dedup import record_and_filter
from tests.support.postgres import as_owner
from tests.support.waiting import eventually

_SESSIONS = "application_name = 'kinvite-roster' AND datname = current_database() AND pid <> pg_backend_pid()"
_KEY = (
    "INSERT INTO idempotency_keys (credential, route, key, body_digest, status, response) "
    "VALUES (:key, 'r', 'k', 'd', 200, '{}')"
)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The roster's."""
    async with Database(database_url, schema="roster", pool_size=4) as opened:
        yield opened


async def _kill(database: Database) -> int:
    """End every session of the service, as a restart of the server does; how many there were."""
    owner = await asyncpg.connect(
        as_owner(database.url).replace("+asyncpg", "").replace("kinvite@", "postgres@")
    )
    try:
        return int(
            await owner.fetchval(
                f"SELECT count(pg_terminate_backend(pid, 60000)) FROM pg_stat_activity WHERE {_SESSIONS}"
            )
        )
    finally:
        await owner.close()


async def _keys(database: Database) -> list[str]:
    async with database.transaction() as tx:
        return [row.credential for row in await tx.rows("SELECT credential FROM idempotency_keys ORDER BY 1")]


async def test_an_empty_transaction_is_three_round_trips(database: Database) -> None:
    sent: list[str] = []
    database.watch = sent.append
    async with database.transaction() as tx:
        await tx.execute("SELECT 1")
        await tx.execute(select(literal(1)))
    assert [statement.split()[0] for statement in sent] == ["BEGIN", "SELECT", "SELECT", "SELECT", "COMMIT"]


async def test_a_first_statement_is_two_round_trips_and_sees_what_its_locks_waited_for(
    database: Database,
) -> None:
    school = uuid4()
    lock = "SELECT FROM idempotency_keys WHERE credential = CAST(CAST($1 AS uuid) AS text) FOR UPDATE"
    first = FirstStatement(
        "SELECT now() AS now, body_digest, current_setting('app.schools') AS schools "
        "FROM (VALUES (0)) AS always (present) LEFT JOIN idempotency_keys ON credential = :key",
        {"key": str(school)},
        Result.first,
        ((lock, school),),
    )

    async def read_first() -> tuple[Any, bool]:
        async with database.transaction(schools=[school], first=first) as (tx, row):
            return row, row.now == tx.now == await tx.scalar("SELECT now()")

    row, same_moment = await read_first()
    assert (row.body_digest, row.schools, same_moment) == (None, school.hex, True)
    async with database.transaction() as tx:
        await tx.execute(_KEY, {"key": str(school)})
    sent: list[str] = []

    async def waits() -> bool:
        return bool(await tx.scalar("SELECT count(*) FROM pg_locks WHERE NOT granted"))

    async with database.transaction() as tx:
        await tx.execute("UPDATE idempotency_keys SET body_digest = 'later'")
        database.watch = sent.append
        waiting = asyncio.create_task(read_first())
        await eventually(waits)
        assert [statement.split()[0] for statement in sent] == ["BEGIN;"]
    row, _ = await waiting
    assert row.body_digest == "later"
    with pytest.raises(TypeError, match="schools that are named"):
        async with database.transaction(schools=SchoolsOf("schools_of", "key"), first=first):
            pass


async def test_a_workers_first_statement_sees_all_and_is_the_first_round_trip_after_the_begin(
    database: Database,
) -> None:
    async with database.transaction() as tx:
        await tx.execute(_KEY, {"key": "of some school"})
    sent: list[str] = []
    database.watch = sent.append
    first = FirstStatement("SELECT now() AS now, count(*) AS keys FROM idempotency_keys", {}, Result.first)
    async with database.transaction(first=first) as (tx, row):
        assert (row.keys, row.now) == (1, tx.now)
    assert [statement.split()[0] for statement in sent] == ["BEGIN", "SELECT", "COMMIT"]


async def test_callbacks_run_after_a_commit_and_never_after_a_rollback(database: Database) -> None:
    called: list[str] = []
    async with database.transaction() as tx:
        tx.call_after_commit(lambda: called.append("committed"))
        assert called == []
    assert called == ["committed"]
    with pytest.raises(ValueError, match="rolled back"):
        async with database.transaction() as tx:
            tx.call_after_commit(lambda: called.append("never"))
            raise ValueError("rolled back")
    assert called == ["committed"]


async def test_i15_connections_that_the_server_ended_while_they_rested_are_replaced_unseen(
    database: Database,
) -> None:
    async def work(key: str, hold: asyncio.Barrier) -> None:
        async with database.transaction() as tx:
            await hold.wait()
            await tx.execute(_KEY, {"key": key})

    for number in range(3):
        hold = asyncio.Barrier(4)
        await asyncio.gather(*(work(f"{number}{n}", hold) for n in range(4)))
        assert await _kill(database) == 4
    assert len(await _keys(database)) == 12


async def test_i15_a_begin_that_fails_on_the_way_is_made_again(database: Database) -> None:
    """The server is gone, and this event loop had no turn in which it could hear of it."""
    async with database.transaction():
        pass
    with ThreadPoolExecutor() as elsewhere:
        assert elsewhere.submit(asyncio.run, _kill(database)).result() == 1
    async with database.transaction() as tx:
        assert await tx.scalar("SELECT 1") == 1


async def test_i15_a_connection_lost_in_the_middle_is_transient_and_leaves_nothing(
    database: Database,
) -> None:
    with pytest.raises(DBAPIError) as lost:
        async with database.transaction() as tx:
            await tx.execute(_KEY, {"key": "lost"})
            await _kill(database)
            await tx.execute(_KEY, {"key": "late"})
    assert is_transient(lost.value)
    assert await _keys(database) == []


async def test_written_and_built_statements_are_of_one_transaction(database: Database) -> None:
    with pytest.raises(LookupError):
        async with database.transaction() as tx:
            await tx.execute(_KEY, {"key": "one"})
            await tx.execute(text(_KEY).bindparams(bindparam("key", "two")))
            assert await tx.scalar(select(literal(1, Integer))) == 1
            assert await tx.scalar("SELECT count(*) FROM idempotency_keys") == 2
            raise LookupError
    assert await _keys(database) == []


async def test_errors_are_known_by_their_classes(database: Database) -> None:
    async def fails(statement: str, **values: object) -> DBAPIError:
        with pytest.raises(DBAPIError) as failed:
            async with database.transaction() as tx:
                await tx.execute(statement, values)
        return failed.value

    assert isinstance(await fails("SELECT nothing"), ProgrammingError)
    assert is_invalid_value(await fails("SELECT CAST(:a AS integer)", a="secret"))
    assert is_invalid_value(await fails("SELECT CAST(CAST(:a AS text) AS uuid)", a="\x00"))
    async with database.transaction() as tx:
        await tx.execute(_KEY, {"key": "secret"})
    with pytest.raises(IntegrityError):
        async with database.transaction() as tx:
            await tx.execute(_KEY, [{"key": "other"}, {"key": "secret"}])
    assert await _keys(database) == ["secret"]


async def test_rows_have_names_and_places(database: Database) -> None:
    asked = (
        'SELECT :a AS a, CAST(:b AS integer) AS count, :a AS again, 1 AS "a b" FROM generate_series(1, :n)'
    )
    async with database.transaction() as tx:
        found = await tx.execute(asked, {"a": "x", "b": 2, "n": 2})
        assert found.rowcount == 2
        assert [(row.a, row.count, row[2]) for row in found] == [("x", 2, "x")] * 2
        assert [one["a b"] for one in found.mappings()] == [1, 1]
        assert list(found.scalars()) == ["x", "x"]
        assert found.first()._asdict()["again"] == found.first()._mapping["a"] == "x"
        nothing = await tx.execute("SELECT 1 WHERE false")
        assert (nothing.all(), nothing.first(), nothing.scalar(), nothing.rowcount) == ([], None, None, 0)
        assert (await tx.execute("DELETE FROM inbox")).rowcount == 0
        assert await record_and_filter(tx, "roster.on-signup", [str(uuid4())])
        with pytest.raises(ValueError, match="not enough values"):
            nothing.scalar_one()

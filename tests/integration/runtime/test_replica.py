"""Replicas in a table: every order of versions ends the same, and no replica moves to another school."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from shared.runtime.database import Database, ReplicaTable
from tests.support.postgres import execute_as_owner

_TABLE = """
CREATE TABLE roster.animals (animal_id uuid PRIMARY KEY, school_id uuid NOT NULL, version bigint NOT NULL, name text,
                             legs integer[] NOT NULL, friends uuid[] NOT NULL, facts jsonb NOT NULL);
GRANT SELECT, INSERT, UPDATE ON roster.animals TO roster_worker
"""
_ANIMALS = ReplicaTable(
    "animals",
    "animal_id",
    {
        "animal_id": "uuid",
        "school_id": "uuid",
        "version": "bigint",
        "name": "text",
        "legs": "integer[]",
        "friends": "uuid[]",
        "facts": "jsonb",
    },
)
SCHOOL, OTHER_SCHOOL, FRIEND = uuid4(), uuid4(), uuid4()


class _Animal(NamedTuple):
    animal_id: UUID
    version: int
    name: str | None = None
    school_id: UUID = SCHOOL
    legs: Sequence[int] = ()
    friends: Sequence[UUID] = ()
    facts: Sequence[dict[str, Any]] = ()


async def _save(database: Database, *animals: _Animal) -> set[UUID]:
    async with database.transaction() as tx:
        return await _ANIMALS.save(tx, animals)


async def _list(database: Database) -> list[Any]:
    async with database.transaction() as tx:
        return list(await tx.rows("SELECT * FROM animals ORDER BY animal_id"))


async def test_i12_every_order_of_versions_ends_with_the_newest(database_url: str) -> None:
    await execute_as_owner(database_url, _TABLE)
    async with Database(database_url, schema="roster") as database:
        for order in permutations((1, 2, 3)):
            animal_id = uuid4()
            for version in order:
                await _save(database, _Animal(animal_id, version, f"version {version}"))
            [row] = [row for row in await _list(database) if row.animal_id == animal_id]
            assert (row.version, row.name) == (3, "version 3")


async def test_a_batch_saves_the_newest_of_each_and_returns_what_changed(database_url: str) -> None:
    await execute_as_owner(database_url, _TABLE)
    first, second = sorted((uuid4(), uuid4()))
    async with Database(database_url, schema="roster") as database:
        assert await _save(database) == set()
        batch = [_Animal(second, 1, "b"), _Animal(first, 1, "old"), _Animal(first, 2, "new")]
        assert await _save(database, *batch) == {first, second}
        assert await _save(database, _Animal(first, 2, "again"), _Animal(second, 2, "c")) == {second}
        assert [(row.animal_id, row.name) for row in await _list(database)] == [(first, "new"), (second, "c")]


async def test_arrays_and_json_are_stored_row_by_row(database_url: str) -> None:
    await execute_as_owner(database_url, _TABLE)
    facts = [{"name": "Ö\"'{},", "age": 3}]
    animals = [_Animal(uuid4(), 1, None, legs=[4, 2], friends=[FRIEND], facts=facts), _Animal(uuid4(), 1)]
    async with Database(database_url, schema="roster") as database:
        await _save(database, *animals)
        rows = {row.animal_id: row for row in await _list(database)}
    full, empty = (rows[animal.animal_id] for animal in animals)
    assert (full.name, full.legs, full.friends) == (None, [4, 2], [FRIEND])
    assert (empty.legs, empty.friends) == ([], [])


async def test_a_replica_never_moves_to_another_school(database_url: str) -> None:
    await execute_as_owner(database_url, _TABLE)
    animal_id = uuid4()
    async with Database(database_url, schema="roster") as database:
        await _save(database, _Animal(animal_id, 1, "ours"))
        assert await _save(database, _Animal(animal_id, 2, "theirs", OTHER_SCHOOL)) == set()
        [row] = await _list(database)
    assert (row.school_id, row.name) == (SCHOOL, "ours")

"""`kinvite dashboard rebuild`: what it prints, how it ends, and kill -9 in the middle of it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.runtime.database import Database
from tests.integration.cli.test_on_the_database import installation, kinvite
from tests.integration.dashboard.telling import emptied, everything, heard, owners_of
from tests.support.waiting import eventually
from tests.unit.dashboard.facts import Story

ROOT = Path(__file__).parents[3]
COMMAND = [sys.executable, "-m", "deploy.cli", "dashboard", "rebuild", "--json"]
COUNTED = ("schools", "students", "parents")
__all__ = ["installation"]


@pytest.fixture
async def database(installation: str) -> AsyncIterator[Database]:
    async with Database(installation, schema="dashboard") as opened:
        yield opened


def _start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(COMMAND, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


async def _killed_while_waiting(database: Database, table: str) -> None:
    async with database.transaction() as tx:
        await tx.execute(f"LOCK TABLE {table} IN SHARE MODE")
        process = await asyncio.to_thread(_start)
        try:

            async def waits() -> None:
                assert process.poll() is None, process.communicate()
                async with database.transaction() as looking:
                    query = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = CAST(:table AS regclass)"
                    assert await looking.scalar(query, {"table": f"dashboard.{table}"}) == 1

            await eventually(waits, within_seconds=30)
        finally:
            process.kill()
            await asyncio.to_thread(process.communicate)


@pytest.mark.slow
async def test_killed_in_the_middle_and_repeated_it_ends_equal_to_the_live_projection(
    installation: str, database: Database
) -> None:
    async with owners_of(installation) as owners:
        for _ in range(3):
            story = Story()
            await owners.tell([story.school(), *story.all()])
        live = await heard(database, owners)
    await emptied(database)
    await _killed_while_waiting(database, "parents")
    found = await everything(database)
    assert found["students"] == live["students"], "what was put in place before the kill stays"
    assert found["parents"] == found["timeline"] == []
    done = await kinvite("dashboard", "rebuild", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["parents"] == 3
    assert await everything(database) == live
    again = await kinvite("dashboard", "rebuild", "--json")
    assert {name: json.loads(again.stdout)[name] for name in COUNTED} == dict.fromkeys(COUNTED, 0)


async def test_it_says_how_far_it_is_and_what_it_did(installation: str) -> None:
    story = Story()
    async with owners_of(installation) as owners:
        await owners.tell([story.school(), *story.all()])
    done = await kinvite("dashboard", "rebuild")
    assert done.exit_code == 0, done.output
    assert "reading roster: 6" in done.stderr
    assert "putting parents in place: 1" in done.stderr
    assert "parents: 1" in done.stdout


async def test_without_anything_told_it_refuses_to_empty_the_pages(
    installation: str, database: Database
) -> None:
    story = Story()
    async with owners_of(installation) as owners:
        await owners.tell([story.school()])
        await heard(database, owners)
        async with owners.databases["roster"].transaction() as tx:
            await tx.execute("DELETE FROM outbox")
    done = await kinvite("dashboard", "rebuild")
    assert done.exit_code == 1
    assert "nothing was changed" in done.stderr


async def test_without_a_database_it_says_so(installation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KINVITE_DATABASE_URL", "postgresql+asyncpg://nobody@127.0.0.1:9/nothing")
    done = await kinvite("dashboard", "rebuild")
    assert done.exit_code == 69
    assert "does not answer" in done.stderr

"""The command `kinvite dashboard rebuild`: output, exit codes, and recovery from kill -9."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.runtime.database import Database
from tests.integration.cli.driver import run_kinvite
from tests.integration.dashboard.source_services import (
    empty_projection,
    open_source_services,
    project_events,
    read_projection,
)
from tests.support.waiting import eventually
from tests.unit.dashboard.builders import Story

ROOT = Path(__file__).parents[3]
COMMAND = [sys.executable, "-m", "deploy.cli", "dashboard", "rebuild", "--json"]
COUNTED = ("schools", "students", "parents")


@pytest.fixture
async def database(installation: str) -> AsyncIterator[Database]:
    async with Database(installation, schema="dashboard") as dashboard:
        yield dashboard


def _start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(COMMAND, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


async def _kill_while_waiting(database: Database, table: str) -> None:
    async with database.transaction() as tx:
        await tx.execute(f"LOCK TABLE {table} IN SHARE MODE")
        process = await asyncio.to_thread(_start)
        try:

            async def waits() -> None:
                assert process.poll() is None, process.communicate()
                async with database.transaction() as observer:
                    query = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = CAST(:table AS regclass)"
                    assert await observer.scalar(query, {"table": f"dashboard.{table}"}) == 1

            await eventually(waits, within_seconds=30)
        finally:
            process.kill()
            await asyncio.to_thread(process.communicate)


@pytest.mark.slow
async def test_killed_in_the_middle_and_repeated_it_ends_equal_to_the_live_projection(
    installation: str, database: Database
) -> None:
    async with open_source_services(installation) as sources:
        for _ in range(3):
            story = Story()
            await sources.emit([story.school(), *story.all()])
        live = await project_events(database, sources)
    await empty_projection(database)
    await _kill_while_waiting(database, "parents")
    partial = await read_projection(database)
    assert partial["students"] == live["students"], "rows written before the kill stay"
    assert partial["parents"] == partial["timeline"] == []
    result = await run_kinvite("dashboard", "rebuild", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["parents"] == 3
    assert await read_projection(database) == live
    again = await run_kinvite("dashboard", "rebuild", "--json")
    assert {name: json.loads(again.stdout)[name] for name in COUNTED} == dict.fromkeys(COUNTED, 0)


async def test_it_prints_its_progress_and_result(installation: str) -> None:
    story = Story()
    async with open_source_services(installation) as sources:
        await sources.emit([story.school(), *story.all()])
    result = await run_kinvite("dashboard", "rebuild")
    assert result.exit_code == 0, result.output
    assert "reading roster: 6" in result.stderr
    assert "putting parents in place: 1" in result.stderr
    assert "parents: 1" in result.stdout


async def test_without_any_event_it_refuses_to_empty_the_pages(installation: str, database: Database) -> None:
    story = Story()
    async with open_source_services(installation) as sources:
        await sources.emit([story.school()])
        await project_events(database, sources)
        async with sources.databases["roster"].transaction() as tx:
            await tx.execute("DELETE FROM outbox")
    result = await run_kinvite("dashboard", "rebuild")
    assert result.exit_code == 1
    assert "nothing was changed" in result.stderr


async def test_an_unreachable_database_is_reported(
    installation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KINVITE_DATABASE_URL", "postgresql+asyncpg://nobody@127.0.0.1:9/nothing")
    result = await run_kinvite("dashboard", "rebuild")
    assert result.exit_code == 69
    assert "does not answer" in result.stderr

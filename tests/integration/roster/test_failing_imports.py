"""Imports whose processing raises: set aside when they have ended the process twice, and the next one is applied."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.roster.app import create_app
from services.roster.schedule import ImportWorker
from services.roster.settings import Settings
from services.roster.use_cases.apply_import import apply_staged_rows
from shared.runtime.database import Database, list_set_aside
from shared.runtime.observability import Health
from tests.integration.roster.builders import csv
from tests.integration.roster.driver import RosterDriver
from tests.support.apps import bearer, running

TITLES = ("name", "father_name", "parents_email")
BAD = csv(TITLES, ("Mia Roe", "Jo Roe", "roe@family.example"))
GOOD = csv(TITLES, ("Leo Sample", "Sam Sample", "sample@family.example"))


class _Bug(Exception):
    """Error that is neither a rejection nor transient."""


@pytest.fixture
async def idle_driver(settings: Settings) -> AsyncIterator[RosterDriver]:
    """Yield the driver of an empty school whose imports no worker processes."""
    async with (
        running(create_app(settings, worker=False), headers=bearer()) as client,
        Database(settings.database_url, schema="roster") as database,
    ):
        yield await RosterDriver.with_new_school(client, database)


async def test_an_import_that_ends_the_process_twice_is_set_aside_and_the_next_is_applied(
    idle_driver: RosterDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = idle_driver
    bad = (await driver.upload(BAD)).json()["import_id"]
    good = (await driver.upload(GOOD)).json()["import_id"]

    async def apply(tx: Any, school: Any, claim: Any, counts: Any) -> Any:
        if str(claim.import_id) == bad:
            raise _Bug("Mia Roe")
        return await apply_staged_rows(tx, school, claim, counts)

    monkeypatch.setattr("services.roster.use_cases.process_import.apply_staged_rows", apply)
    for _ in range(2):
        async with driver.database.transaction() as tx:
            await tx.execute("UPDATE imports SET claimed_until = NULL")
        async with ImportWorker(driver.database, poll_seconds=0.01) as worker:
            with pytest.raises(_Bug):
                await worker.task.run(Health())
    shown = await driver.get(f"imports/{bad}")
    assert (shown["state"], "error in Kinvite" in shown["failure"]) == ("failed", True)
    async with driver.database.transaction() as tx:
        [row] = await list_set_aside(tx)
    assert (row.task, str(row.row_id), row.failures) == ("imports", bad, 2)
    assert "Mia" not in row.reason
    async with ImportWorker(driver.database, poll_seconds=0.01) as worker:
        await _run_until_applied(driver, worker, good)
    assert [parent["name"] for parent in await driver.list_parents()] == ["Sam Sample"]


async def _run_until_applied(driver: RosterDriver, worker: ImportWorker, import_id: str) -> None:
    work = asyncio.create_task(worker.task.run(Health()))
    try:
        done = await driver.wait_for_import(import_id)
    finally:
        work.cancel()
    assert done["state"] == "applied"

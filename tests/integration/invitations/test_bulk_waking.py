"""A bulk run goes on as soon as it can, without being polled in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from services.invitations.use_cases.bulk_runs import CHANGES_CHANNEL
from shared.contracts.notifier import MessageSent, SendMessage
from tests.integration.invitations.builders import report_fields, settings_for
from tests.integration.invitations.driver import InvitationsDriver, open_driver
from tests.integration.invitations.test_bulk import show, start

NOW = datetime(2030, 1, 1, tzinfo=UTC)
PATIENCE_SECONDS = 60


@pytest.fixture
async def narrow(database_url: str) -> AsyncIterator[InvitationsDriver]:
    """Eight records, and room for four messages without an outcome."""
    pace = {"batch_size": 4, "bulk_outstanding_limit": 4, "bulk_poll_milliseconds": 60_000}
    async with open_driver(settings_for(database_url, **pace)) as driver:
        await driver.register_school()
        await driver.add_parents(8)
        yield driver


async def test_delivery_reports_wake_a_run_when_a_batch_fits(narrow: InvitationsDriver) -> None:
    run = await start(narrow)
    tasks, wakeups = narrow.tasks(), []
    await tasks.list_bulk_runs()
    assert await tasks.send_bulk() is True
    narrow.reports.wake = lambda: wakeups.append("woken")
    assert await tasks.send_bulk() is False
    sent = [
        MessageSent(**report_fields(command), sent_at=NOW) for command in await narrow.emitted(SendMessage)
    ]
    await narrow.consume(*sent[:3])
    assert wakeups == []
    await narrow.consume(sent[3])
    assert wakeups == ["woken"]
    assert await tasks.send_bulk() is True
    assert (await show(narrow, run))["messaged"] == 8


async def test_delivery_reports_wake_nothing_if_no_run_waits(narrow: InvitationsDriver) -> None:
    (record, *_) = await narrow.add_parents(1)
    wakeups: list[str] = []
    tasks = narrow.tasks()
    assert await tasks.send_bulk() is False
    narrow.reports.wake = lambda: wakeups.append("woken")
    await narrow.invite(record)
    (command,) = await narrow.emitted(SendMessage)
    await narrow.consume(MessageSent(**report_fields(command), sent_at=NOW))
    assert wakeups == []


async def test_the_last_missing_parent_wakes_the_run_that_waits_for_the_replica(database_url: str) -> None:
    async with open_driver(settings_for(database_url, catch_up_seconds=3_600)) as driver:
        await driver.register_school()
        await driver.add_parents(2)
        driver.roster_parents = 4
        run, tasks, wakeups = await start(driver), driver.tasks(), []
        await tasks.list_bulk_runs()
        driver.arrivals.wake = lambda: wakeups.append("list")
        driver.reports.wake = lambda: wakeups.append("expand")
        await driver.add_parent()
        assert wakeups == []
        await driver.add_parent()
        assert wakeups == ["list"]
        await tasks.list_bulk_runs()
        assert wakeups == ["list", "expand"]
        assert (await show(driver, run))["selected"] == 4


async def test_workers_are_notified_of_a_run_that_another_process_created_or_resumed(
    narrow: InvitationsDriver,
) -> None:
    url = make_url(narrow.database.url).set(drivername="postgresql").render_as_string(hide_password=False)
    notifications: asyncio.Queue[str] = asyncio.Queue()
    connection = await asyncpg.connect(url)
    try:
        await connection.add_listener(CHANGES_CHANNEL, lambda *_: notifications.put_nowait("a run"))
        run = await start(narrow)
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await notifications.get() == "a run"
        for control in ("pause", "resume"):
            answer = await narrow.client.post(f"{narrow.root}/bulk/{run['bulk_id']}/{control}")
            assert answer.status_code == 202
            async with asyncio.timeout(PATIENCE_SECONDS):
                assert await notifications.get() == "a run"
    finally:
        await connection.close()

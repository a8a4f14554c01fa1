"""A run goes on as soon as it can, and is not looked after in between."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from services.invitations.storage.bulk import RUNS
from shared.contracts.notifier import MessageSent, SendMessage
from tests.integration.invitations.scene import Scene, outcome_of, scene, settings_for
from tests.integration.invitations.test_bulk import show, start

NOW = datetime(2030, 1, 1, tzinfo=UTC)
PATIENCE_SECONDS = 60


@pytest.fixture
async def narrow(database_url: str) -> AsyncIterator[Scene]:
    """Eight families, and room for four messages without an outcome."""
    pace = {"batch_size": 4, "bulk_outstanding_limit": 4, "bulk_poll_milliseconds": 60_000}
    async with scene(settings_for(database_url, **pace)) as school:
        await school.open_school()
        await school.families(8)
        yield school


async def test_outcomes_wake_a_run_when_there_is_room_for_a_batch(narrow: Scene) -> None:
    run = await start(narrow)
    sweeps, looks = narrow.sweeps(), []
    await sweeps._list()
    assert await sweeps._expand() is True
    narrow.outcomes.wake = lambda: looks.append("look")
    assert await sweeps._expand() is False
    sent = [MessageSent(**outcome_of(command), sent_at=NOW) for command in await narrow.emitted(SendMessage)]
    await narrow.feed(*sent[:3])
    assert looks == []
    await narrow.feed(sent[3])
    assert looks == ["look"]
    assert await sweeps._expand() is True
    assert (await show(narrow, run))["messaged"] == 8


async def test_outcomes_wake_nobody_where_no_run_waits(narrow: Scene) -> None:
    (family, *_) = await narrow.families(1)
    looks: list[str] = []
    sweeps = narrow.sweeps()
    assert await sweeps._expand() is False
    narrow.outcomes.wake = lambda: looks.append("look")
    await narrow.invite(family)
    (command,) = await narrow.emitted(SendMessage)
    await narrow.feed(MessageSent(**outcome_of(command), sent_at=NOW))
    assert looks == []


async def test_the_last_missing_parent_wakes_the_run_that_waits_for_the_copy(database_url: str) -> None:
    async with scene(settings_for(database_url, catch_up_seconds=3_600)) as school:
        await school.open_school()
        await school.families(2)
        school.roster_parents = 4
        run, sweeps, looks = await start(school), school.sweeps(), []
        await sweeps._list()
        school.arrivals.wake = lambda: looks.append("list")
        school.outcomes.wake = lambda: looks.append("expand")
        await school.family()
        assert looks == []
        await school.family()
        assert looks == ["list"]
        await sweeps._list()
        assert looks == ["list", "expand"]
        assert (await show(school, run))["selected"] == 4


async def test_workers_hear_of_a_run_that_another_process_made_or_resumed(narrow: Scene) -> None:
    url = make_url(narrow.database.url).set(drivername="postgresql").render_as_string(hide_password=False)
    heard: asyncio.Queue[str] = asyncio.Queue()
    connection = await asyncpg.connect(url)
    try:
        await connection.add_listener(RUNS, lambda *_: heard.put_nowait("a run"))
        run = await start(narrow)
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await heard.get() == "a run"
        for control in ("pause", "resume"):
            answer = await narrow.client.post(f"{narrow.root}/bulk/{run['bulk_id']}/{control}")
            assert answer.status_code == 202
            async with asyncio.timeout(PATIENCE_SECONDS):
                assert await heard.get() == "a run"
    finally:
        await connection.close()

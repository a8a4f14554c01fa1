"""The stream of changes, over real sockets and a real LISTEN."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from services.dashboard.app import create_app
from services.dashboard.domain.staff import Role
from services.dashboard.http import stream as streaming
from services.dashboard.settings import Settings
from shared.runtime.database import Database
from shared.runtime.web.server import Server
from tests.integration.dashboard.builders import add_member
from tests.integration.dashboard.driver import deliver, sign_in
from tests.support.apps import bearer
from tests.support.postgres import Cluster
from tests.support.processes import free_port
from tests.support.serving import serving
from tests.support.waiting import eventually
from tests.unit.dashboard.builders import Story

SOON = 20.0
VISIBLE_WITHIN_SECONDS = 0.3


@dataclass
class RunningDashboard:
    """Dashboard served on a socket, with a client."""

    app: FastAPI
    server: Server
    client: httpx.AsyncClient

    def count_streams(self) -> int:
        """Return the number of open streams."""
        return len(self.app.state.context.live_updates)


@pytest.fixture
async def served(settings: Settings, cluster: Cluster) -> AsyncIterator[RunningDashboard]:
    port, app = free_port(), create_app(settings, worker=False)
    async with (
        serving(app, port) as server,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=SOON) as client,
    ):
        await eventually(partial(is_listening, cluster, settings))
        yield RunningDashboard(app, server, client)


def is_listening(cluster: Cluster, settings: Settings) -> bool:
    """Return whether the service receives notifications; until then it makes every page reload."""
    name = settings.database_url.rpartition("/")[2]
    query = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}' AND query LIKE 'LISTEN%'"
    return cluster.sql(query).strip() == "1"


class Events:
    """Events of a stream, read line by line."""

    def __init__(self, response: httpx.Response) -> None:
        self._lines = response.aiter_lines()

    async def next(self, *, comments: bool = False) -> tuple[str, Any]:
        """Return the next event and its data, or ("end", None) at the end of the stream."""
        name = ""
        async with asyncio.timeout(SOON):
            async for line in self._lines:
                if line.startswith("event: "):
                    name = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    return name, json.loads(line.removeprefix("data: "))
                elif comments and line.startswith(":"):
                    return "comment", line
        return "end", None


@asynccontextmanager
async def open_stream(
    client: httpx.AsyncClient, school_id: UUID, headers: dict[str, str] | None = None
) -> AsyncIterator[Events]:
    """Open a stream and read its first event, which is always `reload`."""
    path = f"/dashboard/v1/schools/{school_id}/stream"
    async with client.stream("GET", path, headers=headers) as response:
        assert response.status_code == 200, await response.aread()
        assert response.headers["content-type"].startswith("text/event-stream")
        events = Events(response)
        assert await events.next() == ("reload", {})
        yield events


async def test_p14_a_sign_up_is_reported_within_300_milliseconds(
    served: RunningDashboard, database: Database, fresh: Story
) -> None:
    stories = [replace(Story(), school_id=fresh.school_id) for _ in range(20)]
    for story in stories:
        await deliver(database, story.roster())
    durations = []
    async with open_stream(served.client, fresh.school_id, bearer("dashboard:read")) as events:
        for story in stories:  # a busy machine gets a few tries at being fast enough
            row = {"parent_id": str(story.parent_id), "status": "signed_up", "delivery": None}
            started_at = time.monotonic()
            await deliver(database, story.signup())
            while await events.next() != ("parents", {"parents": [row]}):
                pass  # changes from before the subscription
            durations.append(time.monotonic() - started_at)
            if durations[-1] < VISIBLE_WITHIN_SECONDS:
                break
    assert min(durations) < 10 * VISIBLE_WITHIN_SECONDS, (
        durations
    )  # a tenth on a machine with nothing else to do


async def test_more_changes_than_can_be_named_become_one_reload(
    served: RunningDashboard, database: Database, fresh: Story
) -> None:
    stories = [replace(Story(), school_id=fresh.school_id) for _ in range(300)]
    async with open_stream(served.client, fresh.school_id, bearer()) as events:
        await deliver(database, [story.roster()[1] for story in stories])
        assert await events.next() == ("reload", {})
        await deliver(database, stories[0].signup())
        assert (await events.next())[0] == "parents"


async def test_another_schools_changes_are_not_sent(
    served: RunningDashboard, database: Database, fresh: Story
) -> None:
    stranger = Story()
    async with open_stream(served.client, fresh.school_id, bearer()) as events:
        await deliver(database, [stranger.school(), *stranger.all()])
        await deliver(database, fresh.signup())
        _, data = await events.next()
        assert [row["parent_id"] for row in data["parents"]] == [str(fresh.parent_id)]


async def test_who_may_open_a_stream(served: RunningDashboard, database: Database, fresh: Story) -> None:
    client, path = served.client, f"/dashboard/v1/schools/{fresh.school_id}/stream"
    assert (await client.get(path)).status_code == 401
    assert (await client.get(path, headers=bearer("roster:read"))).status_code == 403
    unknown = f"/dashboard/v1/schools/{Story().school_id}/stream"
    assert (await client.get(unknown, headers=bearer())).status_code == 404
    outsider = await add_member(database, "elsewhere@example.org", Role.ADMIN, frozenset({Story().school_id}))
    await sign_in(client, "elsewhere@example.org", outsider.password)
    assert (await client.get(path)).status_code == 404
    member = await add_member(database, "desk@example.org", Role.FRONT_DESK, frozenset({fresh.school_id}))
    await sign_in(client, "desk@example.org", member.password)
    async with open_stream(client, fresh.school_id) as events:
        await deliver(database, fresh.signup())
        assert (await events.next())[0] == "parents"


async def test_a_session_has_a_limited_number_of_streams(served: RunningDashboard, fresh: Story) -> None:
    limit = served.app.state.context.settings.streams_per_session
    path = f"/dashboard/v1/schools/{fresh.school_id}/stream"
    token = bearer()
    async with AsyncExitStack() as stack:
        for _ in range(limit):
            await stack.enter_async_context(open_stream(served.client, fresh.school_id, token))
        refused = await served.client.get(path, headers=token)
        assert refused.status_code == 429
        assert refused.json()["code"] == "too_many_streams"
        assert served.count_streams() == limit
    await eventually(lambda: served.count_streams() == 0)
    async with open_stream(served.client, fresh.school_id, token):
        assert served.count_streams() == 1


async def test_open_streams_hold_no_database_connection(
    served: RunningDashboard, settings: Settings, cluster: Cluster, fresh: Story
) -> None:
    name = settings.database_url.rpartition("/")[2]
    query = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}' AND state <> 'idle'"
    async with AsyncExitStack() as stack:
        for _ in range(5):
            await stack.enter_async_context(open_stream(served.client, fresh.school_id, bearer()))
        # Every use of a connection is a transaction. The relay polls now and then.
        await eventually(lambda: cluster.sql(query).strip() == "0")


async def test_signing_out_ends_the_sessions_streams_at_once(
    served: RunningDashboard, database: Database, fresh: Story
) -> None:
    member = await add_member(database, "desk@example.org", Role.VIEWER, frozenset({fresh.school_id}))
    browser = await sign_in(served.client, "desk@example.org", member.password)
    async with (
        open_stream(served.client, fresh.school_id) as events,
        open_stream(served.client, fresh.school_id, bearer()) as other,
    ):
        await browser.post("/admin/logout", on=f"/admin/schools/{fresh.school_id}")
        assert await events.next() == ("end", None)
        await deliver(database, fresh.signup())
        assert (await other.next())[0] == "parents"


async def test_a_heartbeat_keeps_the_stream_open_and_ends_it_with_the_session(
    served: RunningDashboard, database: Database, fresh: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "HEARTBEAT_SECONDS", 0.05)
    member = await add_member(database, "desk@example.org", Role.VIEWER, frozenset({fresh.school_id}))
    await sign_in(served.client, "desk@example.org", member.password)
    async with open_stream(served.client, fresh.school_id) as events:
        assert (await events.next(comments=True))[0] == "comment"
        async with database.transaction() as tx:
            await tx.execute("UPDATE staff_sessions SET expires_at = now()")
        assert await events.next() == ("end", None)


async def test_after_a_lost_connection_to_the_database_everything_counts_as_changed(
    served: RunningDashboard, database: Database, fresh: Story, cluster: Cluster
) -> None:
    name = database.url.rpartition("/")[2]
    async with open_stream(served.client, fresh.school_id, bearer()) as events:
        ended = cluster.sql(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            f" WHERE datname = '{name}' AND query LIKE 'LISTEN%'"
        )
        assert int(ended) == 1
        assert await events.next() == ("reload", {})
        await deliver(database, fresh.signup())
        assert (await events.next())[0] == "parents"


async def test_open_streams_do_not_delay_the_end_of_the_server(
    served: RunningDashboard, fresh: Story
) -> None:
    async with AsyncExitStack() as stack:
        streams = [
            await stack.enter_async_context(open_stream(served.client, fresh.school_id, bearer()))
            for _ in range(3)
        ]
        served.server.should_exit = True
        for events in streams:
            assert await events.next() == ("end", None)
        await eventually(lambda: served.count_streams() == 0, within_seconds=15)


async def test_a_notice_is_shown_once_although_the_script_fetches_the_page_too(
    served: RunningDashboard, database: Database, fresh: Story
) -> None:
    member = await add_member(database, "desk@example.org", Role.ADMIN, frozenset({fresh.school_id}))
    browser = await sign_in(served.client, "desk@example.org", member.password)
    page = f"/admin/schools/{fresh.school_id}/students/{fresh.student_id}"
    await browser.post(f"{page}/parents", on=page, key="k", name="Omar")
    notice = "Saved. Nothing was sent."
    assert notice in (await served.client.get(page, headers={"Kinvite-Live": "1"})).text
    assert notice in (await browser.get(page)).text
    assert notice not in (await browser.get(page)).text

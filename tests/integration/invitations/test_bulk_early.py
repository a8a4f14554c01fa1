"""A run about everyone begins while parents are still on their way here, and ends when all have come."""

from types import SimpleNamespace

import pytest

from tests.integration.invitations.scene import scene, settings_for
from tests.integration.invitations.test_bulk import recipients, show, start


async def test_p19_a_run_about_everyone_is_sent_to_who_is_here_and_then_to_who_comes(
    database_url: str,
) -> None:
    async with scene(settings_for(database_url, catch_up_seconds=3_600)) as school:
        await school.open_school()
        await school.families(4)
        school.roster_parents = 6
        run, sweeps = await start(school), school.sweeps()
        await sweeps._list()
        assert await sweeps._expand() is True
        assert await sweeps._expand() is False
        shown = await show(school, run)
        assert (shown["state"], shown["selected"], shown["messaged"]) == ("selecting", 4, 4)
        late = [(await school.family()).address for _ in range(2)]
        await sweeps._list()
        while await sweeps._expand():
            pass
        shown = await show(school, run)
        assert (shown["state"], shown["selected"], shown["messaged"], shown["not_before"]) == (
            "done",
            6,
            6,
            None,
        )
        found = await recipients(school)
        assert len(found) == len(set(found)) == 6
        assert set(late) <= set(found)


async def test_a_run_by_a_filter_waits_until_all_are_here(database_url: str) -> None:
    async with scene(settings_for(database_url, catch_up_seconds=3_600)) as school:
        await school.open_school()
        await school.families(2)
        school.roster_parents = 3
        run = await start(school, select={"filter": {"status": ["not_invited"]}})
        sweeps = school.sweeps()
        await sweeps._list()
        assert await sweeps._expand() is False
        assert (await show(school, run))["selected"] == 0


async def test_a_run_that_is_cancelled_meanwhile_lists_nobody_more(database_url: str) -> None:
    async with scene(settings_for(database_url, catch_up_seconds=3_600)) as school:
        await school.open_school()
        await school.families(2)
        school.roster_parents = 3
        run, sweeps = await start(school), school.sweeps()
        await sweeps._list()
        await school.client.post(f"{school.root}/bulk/{run['bulk_id']}/cancel")
        await school.family()
        await sweeps._list()
        assert await sweeps._expand() is False
        shown = await show(school, run)
        assert (shown["state"], shown["skipped"], await recipients(school)) == (
            "cancelled",
            {"cancelled": 2},
            [],
        )


async def test_a_run_waits_for_a_slow_import_as_long_as_some_arrive(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = [0.0]
    monkeypatch.setattr("services.invitations.timers.time", SimpleNamespace(monotonic=lambda: sum(seconds)))
    async with scene(settings_for(database_url, catch_up_seconds=30)) as school:
        await school.open_school()
        school.roster_parents = 6
        run, sweeps = await start(school), school.sweeps()
        for _ in range(4):
            await school.family()
            await sweeps._list()
            assert (await show(school, run))["state"] == "selecting"
            seconds.append(29)
        await sweeps._list()
        assert (await show(school, run))["state"] == "selecting"
        seconds.append(2)
        await sweeps._list()
        shown = await show(school, run)
        assert (shown["state"], shown["selected"], shown["skipped"]) == ("running", 6, {"not_known_yet": 2})

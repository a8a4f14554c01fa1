"""A bulk run about everyone starts with the parents who have arrived, and ends when all have."""

from __future__ import annotations

from tests.integration.invitations.builders import settings_for
from tests.integration.invitations.driver import open_driver
from tests.integration.invitations.test_bulk import recipients, show, start


async def test_p19_a_run_about_everyone_is_sent_to_who_is_here_and_then_to_who_comes(
    database_url: str,
) -> None:
    async with open_driver(settings_for(database_url, catch_up_seconds=3_600)) as driver:
        await driver.register_school()
        await driver.add_parents(4)
        driver.roster_parents = 6
        run, tasks = await start(driver), driver.tasks()
        await tasks.list_bulk_runs()
        assert await tasks.send_bulk() is True
        assert await tasks.send_bulk() is False
        shown = await show(driver, run)
        assert (shown["state"], shown["selected"], shown["messaged"]) == ("selecting", 4, 4)
        late = [(await driver.add_parent()).address for _ in range(2)]
        await tasks.list_bulk_runs()
        while await tasks.send_bulk():
            pass
        shown = await show(driver, run)
        assert (shown["state"], shown["selected"], shown["messaged"], shown["not_before"]) == (
            "done",
            6,
            6,
            None,
        )
        addresses = await recipients(driver)
        assert len(addresses) == len(set(addresses)) == 6
        assert set(late) <= set(addresses)


async def test_a_run_by_a_filter_waits_until_all_are_here(database_url: str) -> None:
    async with open_driver(settings_for(database_url, catch_up_seconds=3_600)) as driver:
        await driver.register_school()
        await driver.add_parents(2)
        driver.roster_parents = 3
        run = await start(driver, select={"filter": {"status": ["not_invited"]}})
        tasks = driver.tasks()
        await tasks.list_bulk_runs()
        assert await tasks.send_bulk() is False
        assert (await show(driver, run))["selected"] == 0


async def test_a_run_that_is_cancelled_while_it_waits_lists_no_more_parents(database_url: str) -> None:
    async with open_driver(settings_for(database_url, catch_up_seconds=3_600)) as driver:
        await driver.register_school()
        await driver.add_parents(2)
        driver.roster_parents = 3
        run, tasks = await start(driver), driver.tasks()
        await tasks.list_bulk_runs()
        await driver.client.post(f"{driver.root}/bulk/{run['bulk_id']}/cancel")
        await driver.add_parent()
        await tasks.list_bulk_runs()
        assert await tasks.send_bulk() is False
        shown = await show(driver, run)
        assert (shown["state"], shown["skipped"], await recipients(driver)) == (
            "cancelled",
            {"cancelled": 2},
            [],
        )


async def test_a_run_waits_for_a_slow_import_as_long_as_some_arrive(
    database_url: str,
) -> None:
    seconds = [0.0]
    async with open_driver(settings_for(database_url, catch_up_seconds=30)) as driver:
        await driver.register_school()
        driver.roster_parents = 6
        run, tasks = await start(driver), driver.tasks()
        tasks.clock = lambda: sum(seconds)
        for _ in range(4):
            await driver.add_parent()
            await tasks.list_bulk_runs()
            assert (await show(driver, run))["state"] == "selecting"
            seconds.append(29)
        await tasks.list_bulk_runs()
        assert (await show(driver, run))["state"] == "selecting"
        seconds.append(2)
        await tasks.list_bulk_runs()
        shown = await show(driver, run)
        assert (shown["state"], shown["selected"], shown["skipped"]) == ("running", 6, {"not_known_yet": 2})

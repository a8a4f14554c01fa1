"""Quiet hours of a school: set, returned and published."""

from __future__ import annotations

from tests.integration.roster.builders import SCHOOL
from tests.integration.roster.driver import RosterDriver


async def test_quiet_hours_are_the_schools_own_and_are_published(driver: RosterDriver) -> None:
    url = f"/roster/v1/schools/{driver.school_id}"
    shown = (await driver.client.get(url)).json()
    assert (shown["quiet_from"], shown["quiet_until"]) == ("20:00", "08:00")
    change = {"quiet_from": "21:30"}
    changed = (await driver.client.patch(url, json=change)).json()
    assert (changed["quiet_from"], changed["quiet_until"]) == ("21:30", "08:00")
    await driver.client.patch(url, json=change)
    [event] = await driver.list_events("school.settings_changed")
    assert (event.data["school"]["quiet_from"], event.data["school"]["quiet_until"]) == (
        "21:30:00",
        "08:00:00",
    )


async def test_a_school_may_begin_with_its_own(driver: RosterDriver) -> None:
    body = SCHOOL | {"name": "Never asleep", "quiet_from": "00:00", "quiet_until": "00:00"}
    school = (await driver.client.post("/roster/v1/schools", json=body)).json()
    assert (school["quiet_from"], school["quiet_until"]) == ("00:00", "00:00")
    listed = (await driver.client.get("/roster/v1/schools")).json()["items"]
    assert {item["quiet_from"] for item in listed} == {"20:00", "00:00"}

"""A school's own quiet hours: set, shown, told."""

from tests.integration.roster.office import SCHOOL, Office


async def test_quiet_hours_are_the_schools_own_and_are_told(office: Office) -> None:
    url = f"/roster/v1/schools/{office.school_id}"
    shown = (await office.client.get(url)).json()
    assert (shown["quiet_from"], shown["quiet_until"]) == ("20:00", "08:00")
    change = {"quiet_from": "21:30"}
    changed = (await office.client.patch(url, json=change)).json()
    assert (changed["quiet_from"], changed["quiet_until"]) == ("21:30", "08:00")
    await office.client.patch(url, json=change)
    [fact] = await office.facts("school.settings_changed")
    assert (fact.data["school"]["quiet_from"], fact.data["school"]["quiet_until"]) == ("21:30:00", "08:00:00")


async def test_a_school_may_begin_with_its_own(office: Office) -> None:
    body = SCHOOL | {"name": "Never asleep", "quiet_from": "00:00", "quiet_until": "00:00"}
    made = (await office.client.post("/roster/v1/schools", json=body)).json()
    assert (made["quiet_from"], made["quiet_until"]) == ("00:00", "00:00")
    listed = (await office.client.get("/roster/v1/schools")).json()["items"]
    assert {school["quiet_from"] for school in listed} == {"20:00", "00:00"}

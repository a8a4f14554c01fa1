"""Imports of many batches: families, numbers and events do not depend on where a batch ends."""

from __future__ import annotations

from collections import defaultdict

from services.roster.spreadsheet.__main__ import BATCH_ROWS
from services.roster.use_cases.apply_import import BATCH_ROWS as APPLIED_ROWS
from tests.integration.roster.builders import csv
from tests.integration.roster.driver import RosterDriver

STUDENTS = BATCH_ROWS + APPLIED_ROWS + 100
FAMILIES = STUDENTS // 2
TITLES = ("name", "number", "father_name", "parents_contact", "parents_email")


def _row(place: int, name: str = "", number: str = "") -> tuple[str, ...]:
    """Return a row; students half a file apart have the same parents."""
    family = place % FAMILIES
    father = f"Hans Muster {family}"
    return (name or f"Kid {place}", number, father, f"+4179{1_000_000 + family}", f"m{family}@example.org")


async def test_siblings_are_found_across_batches_and_events_come_in_order(driver: RosterDriver) -> None:
    rows = [_row(place) for place in range(STUDENTS)]
    done = await driver.import_file(csv(TITLES, *rows))
    assert done["state"] == "applied", done
    counts = done["counts"]
    assert (counts["students_new"], counts["parents_new"], counts["siblings_linked"]) == (
        STUDENTS,
        FAMILIES,
        FAMILIES,
    )
    assert await driver.get("summary") == {"students": STUDENTS, "parents": FAMILIES}
    versions = defaultdict(list)
    for event in await driver.list_events("student.added", "parent.added", "parent.access_changed"):
        versions[event.data.get("parent_id") or event.data["student_id"]].append((event.version, event.type))
    assert len(versions) == STUDENTS + FAMILIES
    assert all(
        [version for version, _ in events] == list(range(1, len(events) + 1)) for events in versions.values()
    )
    *_, last = await driver.list_events("parent.access_changed")
    assert len(last.data["children"]) == 2
    again = (await driver.import_file(csv(TITLES, *rows)))["counts"]
    assert (again["unchanged"], again["students_new"], again["parents_new"]) == (STUDENTS, 0, 0)


async def test_a_number_given_twice_is_found_batches_apart_and_skipped_on_request(
    driver: RosterDriver,
) -> None:
    rows = [_row(place, number=str(place)) for place in range(STUDENTS)]
    rows[-1] = _row(STUDENTS - 1, "Somebody Else", "0")
    refused = await driver.import_file(csv(TITLES, *rows))
    [error] = refused["errors"]
    assert (refused["state"], error["row"], error["code"]) == ("refused", STUDENTS + 1, "duplicate_number")
    done = await driver.import_file(csv(TITLES, *rows), skip_bad_rows="true")
    assert (done["state"], done["counts"]["students_new"], done["counts"]["rows_refused"]) == (
        "applied",
        STUDENTS - 1,
        1,
    )


async def test_a_preview_whose_rows_are_no_longer_staged_is_read_again(driver: RosterDriver) -> None:
    rows = [_row(place) for place in range(30)]
    shown = await driver.import_file(csv(TITLES, *rows, ("", "", "", "12", "")), dry_run="true")
    async with driver.database.transaction() as tx:
        await tx.execute("DELETE FROM import_batches")
    await driver.call("POST", f"imports/{shown['import_id']}/apply", {"skip_bad_rows": True})
    done = await driver.wait_for_import(shown["import_id"])
    assert (done["state"], done["counts"]) == ("applied", shown["counts"])
    assert done["counts"]["students_new"] == 30
    assert done["errors"] == shown["errors"]

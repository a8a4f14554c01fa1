"""A file of many batches is taken as if it were one: families, numbers and facts know no border between them."""

from collections import defaultdict

from services.roster.service.applying import ROWS_AT_ONCE
from services.roster.service.spreadsheet.__main__ import BATCH
from tests.integration.roster.office import Office, csv

PUPILS = BATCH + ROWS_AT_ONCE + 100
FAMILIES = PUPILS // 2
TITLES = ("name", "number", "father_name", "parents_contact", "parents_email")


def _row(place: int, name: str = "", number: str = "") -> tuple[str, ...]:
    """Pupils half a file apart have the same parents."""
    family = place % FAMILIES
    father = f"Hans Muster {family}"
    return (name or f"Kid {place}", number, father, f"+4179{1_000_000 + family}", f"m{family}@example.org")


async def test_siblings_are_found_across_batches_and_facts_come_in_order(office: Office) -> None:
    rows = [_row(place) for place in range(PUPILS)]
    done = await office.imported(csv(TITLES, *rows))
    assert done["state"] == "applied", done
    counts = done["counts"]
    assert (counts["students_new"], counts["parents_new"], counts["siblings_linked"]) == (
        PUPILS,
        FAMILIES,
        FAMILIES,
    )
    assert await office.get("summary") == {"students": PUPILS, "parents": FAMILIES}
    versions = defaultdict(list)
    for fact in await office.facts("student.added", "parent.added", "parent.access_changed"):
        versions[fact.data.get("parent_id") or fact.data["student_id"]].append((fact.version, fact.type))
    assert len(versions) == PUPILS + FAMILIES
    assert all([version for version, _ in of] == list(range(1, len(of) + 1)) for of in versions.values())
    *_, last = await office.facts("parent.access_changed")
    assert len(last.data["children"]) == 2
    again = (await office.imported(csv(TITLES, *rows)))["counts"]
    assert (again["unchanged"], again["students_new"], again["parents_new"]) == (PUPILS, 0, 0)


async def test_a_number_given_twice_is_found_batches_apart_and_skipped_when_told(office: Office) -> None:
    rows = [_row(place, number=str(place)) for place in range(PUPILS)]
    rows[-1] = _row(PUPILS - 1, "Somebody Else", "0")
    refused = await office.imported(csv(TITLES, *rows))
    [error] = refused["errors"]
    assert (refused["state"], error["row"], error["code"]) == ("refused", PUPILS + 1, "duplicate_number")
    done = await office.imported(csv(TITLES, *rows), skip_bad_rows="true")
    assert (done["state"], done["counts"]["students_new"], done["counts"]["rows_refused"]) == (
        "applied",
        PUPILS - 1,
        1,
    )


async def test_a_preview_whose_rows_are_no_longer_staged_is_read_again(office: Office) -> None:
    rows = [_row(place) for place in range(30)]
    shown = await office.imported(csv(TITLES, *rows, ("", "", "", "12", "")), dry_run="true")
    async with office.database.transaction() as tx:
        await tx.execute("DELETE FROM import_batches")
    await office.call("POST", f"imports/{shown['import_id']}/apply", {"skip_bad_rows": True})
    done = await office.rested(shown["import_id"])
    assert (done["state"], done["counts"]) == ("applied", shown["counts"])
    assert done["counts"]["students_new"] == 30
    assert done["errors"] == shown["errors"]

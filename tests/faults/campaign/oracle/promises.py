"""Promises: what was acknowledged to a client is done, once and wholly, and what was refused is not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.faults.campaign.evidence import Evidence
from tests.faults.campaign.ledger import Entry
from tests.faults.campaign.oracle.events import MARK, own_records
from tests.faults.campaign.oracle.verdict import Verdict
from tests.faults.campaign.topics import Record

_OK, _FAIL = "ok", "fail"


def acknowledged_is_published(evidence: Evidence) -> Verdict:
    verdict = Verdict("I1", "an acknowledged change has its event")
    published: dict[str, list[dict[str, Any]]] = {}
    for record in own_records(evidence):
        published.setdefault(record.key, []).append({"type": record.type, **(record.data or {})})
    for entry in evidence.ledger.select(
        "add_student",
        "add_parent",
        "rename",
        "change_contact",
        "remove",
        "change_student",
        "remove_student",
        "link_siblings",
    ):
        for aggregate_id, wanted in _wanted(entry):
            is_published = any(_fits(event, wanted) for event in published.get(aggregate_id, ()))
            verdict.expect(is_published, f"{entry.action} {entry.mark}: no {wanted} of {aggregate_id}")
    return verdict


def _wanted(entry: Entry) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the events that an acknowledged request must have left, as aggregate id and expected content."""
    match entry.action:
        case "add_student":
            yield entry.answer["student_id"], {"type": "roster.student.added.v1"}
            for parent in entry.answer["parents"]:
                yield from _added(parent, entry)
        case "add_parent":
            yield from _added(entry.answer, entry)
        case "remove":
            yield entry.sent["parent_id"], {"type": "roster.parent.removed.v1"}
        case "remove_student":
            yield entry.sent["student_id"], {"type": "roster.student.removed.v1"}
        case "change_student":
            changed = {"type": "roster.student.details_changed.v1", "mark": entry.mark}
            yield entry.sent["student_id"], changed
        case "link_siblings":
            yield entry.answer["sibling_group_id"], {"type": "roster.siblings.linked.v1"}
        case _:
            kind = "renamed" if entry.action == "rename" else "contact_changed"
            yield entry.sent["parent_id"], {"type": f"roster.parent.{kind}.v1", "mark": entry.mark}


def _added(parent: dict[str, Any], entry: Entry) -> Iterator[tuple[str, dict[str, str]]]:
    yield parent["parent_id"], {"type": "roster.parent.added.v1"}
    if entry.sent["invite"]:
        yield parent["parent_id"], {"type": "roster.parent.invitation_requested.v1"}


def _fits(event: dict[str, Any], wanted: dict[str, str]) -> bool:
    details = event.get("parent") or event.get("student") or ""
    return event["type"] == wanted["type"] and wanted.get("mark", "") in str(details)


def acknowledged_is_stored(evidence: Evidence) -> Verdict:
    verdict = Verdict("I1", "an acknowledged press, run or import is stored")
    linked: dict[str, set[tuple[str, int, str]]] = {}
    for record in own_records(evidence):
        data = record.data or {}
        if "token_digest" in data:
            purpose = "join" if record.type == "invitations.invitation.issued.v1" else "verify"
            link = (record.key, data["generation"], purpose)
            linked.setdefault(data["token_digest"], set()).add(link)
    submitted = {
        (row["invitation_id"], row["generation"], row["purpose"])
        for row in evidence.table("signup.submissions")
    }
    for entry in evidence.ledger.select("verify", "join"):
        links = linked.get(entry.sent["token_digest"], set())
        verdict.expect(bool(links & submitted), f"{entry.action}: pressed, and nothing was submitted")
    for action, table, key in (
        ("bulk", "invitations.bulk_runs", "bulk_id"),
        ("import", "roster.imports", "import_id"),
    ):
        stored_ids = {row[key] for row in evidence.table(table)}
        for entry in evidence.ledger.select(action):
            verdict.expect(entry.answer[key] in stored_ids, f"{action} {entry.answer[key]} is not stored")
    return verdict


def once_per_key(evidence: Evidence) -> Verdict:
    verdict = Verdict("I43", "a request took effect once where it was acknowledged, and never twice")
    entered = _entered(evidence, "roster.student.added.v1", "student")
    for entry in evidence.ledger.select("add_student", outcome=None):
        _expect_all_or_nothing(verdict, entry, entered[entry.mark], 1)
    for entry in evidence.ledger.select("import", outcome=None):
        _expect_all_or_nothing(verdict, entry, entered[entry.mark], int(entry.sent["families"]))
    for row in evidence.table("roster.imports"):
        verdict.expect(row["state"] == "applied", f"import {row['import_id']} ended {row['state']}")
    return verdict


def _expect_all_or_nothing(verdict: Verdict, entry: Entry, count: int, all_of_them: int) -> None:
    wanted = {_OK: {all_of_them}, _FAIL: {0}}.get(entry.outcome.value, {0, all_of_them})
    verdict.expect(
        count in wanted, f"{entry.action} {entry.mark} was {entry.outcome.value}, and {count} are stored"
    )


def never_half(evidence: Evidence) -> Verdict:
    verdict = Verdict("I2", "a request is stored with everything it wrote, or not at all")
    students = _entered(evidence, "roster.student.added.v1", "student")
    parents = _entered(evidence, "roster.parent.added.v1", "parent")
    for entry in evidence.ledger.select("add_student", "import", outcome=None):
        of_each = len(entry.sent["parents"]) if entry.action == "add_student" else 1
        wanted, count = of_each * students[entry.mark], parents[entry.mark]
        verdict.expect(
            count == wanted, f"{entry.action} {entry.mark}: {count} parents of {wanted} were published"
        )
    return verdict


def _entered(evidence: Evidence, type_: str, part: str) -> Counter[str]:
    """Count how many aggregates the first events with each request's mark have added."""
    first: dict[str, Record] = {}
    for record in own_records(evidence):
        if record.type == type_:
            first.setdefault(record.key, record)
    names = [str((record.data or {}).get(part, {}).get("name", "")) for record in first.values()]
    return Counter(word for name in names for word in MARK.findall(name))


CHECKS = (acknowledged_is_published, acknowledged_is_stored, once_per_key, never_half)

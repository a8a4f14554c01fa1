"""Replicas: what a service stores of another's state is the newest that the source service published."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from shared.contracts.message import message_for
from shared.contracts.topics import ROSTER_PARENT, ROSTER_STUDENT
from tests.faults.campaign.evidence import Evidence, Row
from tests.faults.campaign.oracle.events import ours
from tests.faults.campaign.oracle.verdict import Verdict
from tests.faults.campaign.topics import Record

Shape = Callable[[dict[str, Any]], dict[str, Any]]


def _visible(fact: dict[str, Any]) -> list[str]:
    return sorted(child["student_id"] for child in fact.get("children", ()) if child["rights"] == "full")


def _as_invitations_keep_it(fact: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": fact["parent"]["name"],
        "contacts": _contacts(fact["parent"].get("contacts", ())),
        "students": sorted(child["student_id"] for child in fact.get("children", ())),
        "has_access": bool(_visible(fact)),
    }


def _as_the_office_keeps_it(fact: dict[str, Any]) -> dict[str, Any]:
    return {"name": fact["parent"]["name"], "contacts": _contacts(fact["parent"].get("contacts", ()))}


def _pupil(fact: dict[str, Any]) -> dict[str, Any]:
    return {"name": fact["student"]["name"], "class_name": fact["student"].get("class_name")}


# Table, its key, its column for the owner's version, and what of a fact it keeps.
_PARENTS: tuple[tuple[str, str, Shape], ...] = (
    ("invitations.parents", "version", _as_invitations_keep_it),
    ("signup.parents", "version", lambda fact: {"visible_student_ids": _visible(fact)}),
    ("dashboard.parents", "person_version", _as_the_office_keeps_it),
)
_STUDENTS: tuple[tuple[str, str, Shape], ...] = (
    ("signup.students", "version", _pupil),
    ("dashboard.students", "version", _pupil),
)


def newest_wins(evidence: Evidence) -> Verdict:
    verdict = Verdict("I12", "each copy holds the owner's newest version, whatever came after it")
    for topic, key, tables in (
        (ROSTER_PARENT.name, "parent_id", _PARENTS),
        (ROSTER_STUDENT.name, "student_id", _STUDENTS),
    ):
        facts = _newest(evidence, topic)
        for table, version, shape in tables:
            for named, holds in _compared(facts, evidence.table(table), key, version, shape):
                verdict.expect(holds, f"{table} {named} is not what the roster has told")
    return verdict


def owner_told_all(evidence: Evidence) -> Verdict:
    verdict = Verdict("I1", "what the roster has is what it told last")
    for topic, key, table, part in (
        (ROSTER_PARENT.name, "parent_id", "roster.parents", "parent"),
        (ROSTER_STUDENT.name, "student_id", "roster.students", "student"),
    ):
        facts = {name: fact for name, fact in _newest(evidence, topic).items() if not _removal(fact)}
        rows = {row[key]: row for row in evidence.table(table)}
        for name in facts.keys() | rows.keys():
            fact, row = facts.get(name), rows.get(name)
            same = fact is not None and row is not None and (fact.data or {})[part]["name"] == row["name"]
            verdict.expect(same, f"{table} {name} is not what was told of it")
    return verdict


def office_knows_families(evidence: Evidence) -> Verdict:
    verdict = Verdict("I12", "the office's families are those of the owner's newest facts")
    seen: dict[str, set[tuple[str, str]]] = {}
    for row in evidence.table("dashboard.links"):
        seen.setdefault(row["parent_id"], set()).add((row["student_id"], row["rights"]))
    for parent_id, fact in _newest(evidence, ROSTER_PARENT.name).items():
        children = (fact.data or {}).get("children", ())
        wanted = {(child["student_id"], child["rights"]) for child in children}
        same = _removal(fact) or seen.get(parent_id, set()) == wanted
        verdict.expect(same, f"{parent_id}: shown with other children than the roster has told")
    return verdict


def _newest(evidence: Evidence, topic: str) -> dict[str, Record]:
    """Return, by aggregate, the event with the highest version among those that carry all of its state."""
    newest: dict[str, Record] = {}
    for record in ours(evidence):
        message = message_for(record.type) if record.topic == topic else None
        if message is None or not message.contract.whole:
            continue
        if record.key not in newest or newest[record.key].version < record.version:
            newest[record.key] = record
    return newest


def _removal(fact: Record) -> bool:
    return fact.type.endswith(".removed.v1")


def _compared(
    facts: dict[str, Record], rows: list[Row], key: str, version: str, shape: Shape
) -> Iterator[tuple[str, bool]]:
    """Yield each aggregate and each replica, with whether they agree; a row without a version is no replica yet."""
    copies = {row[key]: row for row in rows}
    for name, fact in facts.items():
        copy = copies.get(name)
        if _removal(fact):
            yield name, copy is None or bool(copy["removed"])
        elif copy is None or copy["removed"] or copy[version] != fact.version:
            yield name, False
        else:
            wanted = shape(fact.data or {})
            yield name, {part: _plain(part, copy[part]) for part in wanted} == wanted
    for name, copy in copies.items():
        if name not in facts:
            yield name, copy[version] is None or bool(copy["removed"])


def _plain(part: str, value: Any) -> Any:
    if part == "contacts":
        return _contacts(json.loads(value) if isinstance(value, str) else value)
    return sorted(map(str, value)) if isinstance(value, list) else value


def _contacts(contacts: Any) -> list[tuple[str, str]]:
    """Return the kinds and addresses of contacts."""
    return sorted((contact["kind"], contact["address"]) for contact in contacts)


CHECKS = (newest_wins, owner_told_all, office_knows_families)

"""Replicas: what a service stores of another's state is the newest that the source service published."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from shared.contracts.message import message_for
from shared.contracts.topics import ROSTER_PARENT, ROSTER_STUDENT
from tests.faults.campaign.evidence import Evidence, Row
from tests.faults.campaign.oracle.events import own_records
from tests.faults.campaign.oracle.verdict import Verdict
from tests.faults.campaign.topics import Record

Shape = Callable[[dict[str, Any]], dict[str, Any]]


def _visible_students(event: dict[str, Any]) -> list[str]:
    return sorted(child["student_id"] for child in event.get("children", ()) if child["rights"] == "full")


def _invitations_shape(event: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": event["parent"]["name"],
        "contacts": _contacts(event["parent"].get("contacts", ())),
        "students": sorted(child["student_id"] for child in event.get("children", ())),
        "has_access": bool(_visible_students(event)),
    }


def _dashboard_shape(event: dict[str, Any]) -> dict[str, Any]:
    return {"name": event["parent"]["name"], "contacts": _contacts(event["parent"].get("contacts", ()))}


def _student_shape(event: dict[str, Any]) -> dict[str, Any]:
    return {"name": event["student"]["name"], "class_name": event["student"].get("class_name")}


# Table, its column for the source's version, and the part of an event that it stores.
_PARENTS: tuple[tuple[str, str, Shape], ...] = (
    ("invitations.parents", "version", _invitations_shape),
    ("signup.parents", "version", lambda event: {"visible_student_ids": _visible_students(event)}),
    ("dashboard.parents", "person_version", _dashboard_shape),
)
_STUDENTS: tuple[tuple[str, str, Shape], ...] = (
    ("signup.students", "version", _student_shape),
    ("dashboard.students", "version", _student_shape),
)


def newest_wins(evidence: Evidence) -> Verdict:
    verdict = Verdict("I12", "each replica has the source's newest version, whatever arrived after it")
    for topic, key, tables in (
        (ROSTER_PARENT.name, "parent_id", _PARENTS),
        (ROSTER_STUDENT.name, "student_id", _STUDENTS),
    ):
        events = _newest(evidence, topic)
        for table, version, shape in tables:
            for named, holds in _compared(events, evidence.table(table), key, version, shape):
                verdict.expect(holds, f"{table} {named} is not what the roster published")
    return verdict


def source_published_all(evidence: Evidence) -> Verdict:
    verdict = Verdict("I1", "what the roster stores is what it published last")
    for topic, key, table, part in (
        (ROSTER_PARENT.name, "parent_id", "roster.parents", "parent"),
        (ROSTER_STUDENT.name, "student_id", "roster.students", "student"),
    ):
        events = {name: event for name, event in _newest(evidence, topic).items() if not _removal(event)}
        rows = {row[key]: row for row in evidence.table(table)}
        for name in events.keys() | rows.keys():
            event, row = events.get(name), rows.get(name)
            same = event is not None and row is not None and (event.data or {})[part]["name"] == row["name"]
            verdict.expect(same, f"{table} {name} is not what was published of it")
    return verdict


def dashboard_has_children(evidence: Evidence) -> Verdict:
    verdict = Verdict("I12", "the dashboard's children are those of the source's newest events")
    seen: dict[str, set[tuple[str, str]]] = {}
    for row in evidence.table("dashboard.links"):
        seen.setdefault(row["parent_id"], set()).add((row["student_id"], row["rights"]))
    for parent_id, event in _newest(evidence, ROSTER_PARENT.name).items():
        children = (event.data or {}).get("children", ())
        wanted = {(child["student_id"], child["rights"]) for child in children}
        same = _removal(event) or seen.get(parent_id, set()) == wanted
        verdict.expect(same, f"{parent_id}: shown with other children than the roster published")
    return verdict


def _newest(evidence: Evidence, topic: str) -> dict[str, Record]:
    """Return, by aggregate, the event with the highest version among those that carry all of its state."""
    newest: dict[str, Record] = {}
    for record in own_records(evidence):
        message = message_for(record.type) if record.topic == topic else None
        if message is None or not message.contract.whole:
            continue
        if record.key not in newest or newest[record.key].version < record.version:
            newest[record.key] = record
    return newest


def _removal(event: Record) -> bool:
    return event.type.endswith(".removed.v1")


def _compared(
    events: dict[str, Record], rows: list[Row], key: str, version: str, shape: Shape
) -> Iterator[tuple[str, bool]]:
    """Yield each aggregate and each replica, with whether they agree; a row without a version is no replica yet."""
    replicas = {row[key]: row for row in rows}
    for name, event in events.items():
        replica = replicas.get(name)
        if _removal(event):
            yield name, replica is None or bool(replica["removed"])
        elif replica is None or replica["removed"] or replica[version] != event.version:
            yield name, False
        else:
            wanted = shape(event.data or {})
            yield name, {part: _plain(part, replica[part]) for part in wanted} == wanted
    for name, replica in replicas.items():
        if name not in events:
            yield name, replica[version] is None or bool(replica["removed"])


def _plain(part: str, value: Any) -> Any:
    if part == "contacts":
        return _contacts(json.loads(value) if isinstance(value, str) else value)
    return sorted(map(str, value)) if isinstance(value, list) else value


def _contacts(contacts: Any) -> list[tuple[str, str]]:
    """Return the kinds and addresses of contacts."""
    return sorted((contact["kind"], contact["address"]) for contact in contacts)


CHECKS = (newest_wins, source_published_all, dashboard_has_children)

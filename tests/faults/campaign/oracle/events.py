"""Producer and outbox: nothing that was committed is missing on the topics, and nothing else is there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from shared.contracts.message import message_for
from tests.faults.campaign.evidence import Evidence, Row
from tests.faults.campaign.faults.bus import AGAIN
from tests.faults.campaign.faults.poison import kind_of
from tests.faults.campaign.ledger import Entry, Outcome
from tests.faults.campaign.oracle.verdict import Verdict
from tests.faults.campaign.topics import Record
from tests.support.stack import SERVICES


def ours(evidence: Evidence) -> Iterator[Record]:
    """The records that Kinvite itself should have put there."""
    for record in evidence.records:
        if kind_of(record.key) is None and not record.id.startswith(AGAIN):
            yield record


def outboxes(evidence: Evidence) -> Iterator[tuple[str, Row]]:
    """Every row of every outbox with its service."""
    for service in SERVICES:
        for row in evidence.table(f"{service}.outbox"):
            yield service, row


def newest_facts(evidence: Evidence) -> dict[str, int]:
    """The highest version of each aggregate whose facts carry all of its state."""
    newest: dict[str, int] = {}
    for record in ours(evidence):
        message = message_for(record.type)
        if message is not None and message.contract.whole:
            newest[record.key] = max(record.version, newest.get(record.key, 0))
    return newest


def nothing_missing(evidence: Evidence) -> Verdict:
    verdict = Verdict("I1", "what was committed with its event is on the topic")
    there = {(record.topic, record.id) for record in ours(evidence)}
    pending = {
        (service, row["id"]) for service in SERVICES for row in evidence.table(f"{service}.outbox_pending")
    }
    for service, row in outboxes(evidence):
        named = f"{service} {row['topic']} {row['message_id']}"
        verdict.expect((row["topic"], row["message_id"]) in there, f"{named} is not on its topic")
        verdict.expect((service, row["id"]) not in pending, f"{named} was never marked")
    return verdict


def acknowledged_is_told(evidence: Evidence) -> Verdict:
    verdict = Verdict("I1", "a change that a client was told of has its event")
    told: dict[str, list[dict[str, Any]]] = {}
    for record in ours(evidence):
        told.setdefault(record.key, []).append({"type": record.type, **(record.data or {})})
    for entry in evidence.ledger.of("add_student", "add_parent", "rename", "change_contact", "remove"):
        for aggregate_id, wanted in _wanted(entry):
            found = any(_fits(fact, wanted) for fact in told.get(aggregate_id, ()))
            verdict.expect(found, f"{entry.action} {entry.mark}: no {wanted} of {aggregate_id}")
    return verdict


def _wanted(entry: Entry) -> Iterator[tuple[str, dict[str, str]]]:
    """Which facts an acknowledged request must have left: aggregate, and what stands in the fact."""
    if entry.action == "add_student":
        yield entry.answer["student_id"], {"type": "roster.student.added.v1"}
        for parent in entry.answer["parents"]:
            yield parent["parent_id"], {"type": "roster.parent.added.v1"}
            if entry.sent["invite"]:
                yield parent["parent_id"], {"type": "roster.parent.invitation_requested.v1"}
    elif entry.action == "add_parent":
        yield entry.answer["parent_id"], {"type": "roster.parent.added.v1"}
        if entry.sent["invite"]:
            yield entry.answer["parent_id"], {"type": "roster.parent.invitation_requested.v1"}
    elif entry.action == "remove":
        yield entry.sent["parent_id"], {"type": "roster.parent.removed.v1"}
    else:
        kind = "renamed" if entry.action == "rename" else "contact_changed"
        yield entry.sent["parent_id"], {"type": f"roster.parent.{kind}.v1", "mark": entry.mark}


def _fits(fact: dict[str, Any], wanted: dict[str, str]) -> bool:
    return fact["type"] == wanted["type"] and wanted.get("mark", "") in str(fact.get("parent", ""))


def no_ghosts(evidence: Evidence) -> Verdict:
    verdict = Verdict("I2", "what is on a topic was committed, and what was refused was not")
    committed = {(row["topic"], row["message_id"]) for _, row in outboxes(evidence)}
    for record in ours(evidence):
        verdict.expect((record.topic, record.id) in committed, f"{record.topic} {record.id} is in no outbox")
    said = " ".join(str(record.data) for record in ours(evidence) if record.topic.startswith("roster."))
    for entry in evidence.ledger.of("nonsense", "add_student", "add_parent", outcome=Outcome.FAIL):
        verdict.expect(
            entry.mark not in said, f"{entry.action} {entry.mark} was refused and told nevertheless"
        )
    return verdict


def in_order(evidence: Evidence) -> Verdict:
    verdict = Verdict("I3 I4", "events of an aggregate leave in the order of their versions")
    lanes = {(row["topic"], row["message_id"]): row["lane"] for _, row in outboxes(evidence)}
    newest: dict[tuple[str, str, str], int] = {}
    seen: set[str] = set()
    for record in ours(evidence):
        if record.id in seen:
            continue
        seen.add(record.id)
        place = (record.topic, record.key, lanes.get((record.topic, record.id), ""))
        last = newest.get(place, 0)
        verdict.expect(record.version >= last, f"{record.topic} {record.key}: {record.version} after {last}")
        newest[place] = max(last, record.version)
    return verdict


CHECKS = (nothing_missing, acknowledged_is_told, no_ghosts, in_order)

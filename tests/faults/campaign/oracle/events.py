"""Producers and outboxes: everything that was committed is on the topics, and nothing else is."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.faults.campaign.evidence import Evidence, Row
from tests.faults.campaign.faults.poison import poison_kind
from tests.faults.campaign.faults.records import STALE_PREFIX
from tests.faults.campaign.ledger import Outcome
from tests.faults.campaign.oracle.verdict import Verdict
from tests.faults.campaign.topics import Record
from tests.support.stack import SERVICES

MARK = re.compile(r"mark\d+")


def own_records(evidence: Evidence) -> Iterator[Record]:
    """Yield the records that Kinvite itself should have published."""
    for record in evidence.records:
        if poison_kind(record.key) is None and not record.id.startswith(STALE_PREFIX):
            yield record


def outboxes(evidence: Evidence) -> Iterator[tuple[str, Row]]:
    """Yield every row of every outbox with its service."""
    for service in SERVICES:
        for row in evidence.table(f"{service}.outbox"):
            yield service, row


def nothing_missing(evidence: Evidence) -> Verdict:
    verdict = Verdict("I1", "what was committed with its event is on the topic")
    there = {(record.topic, record.id) for record in own_records(evidence)}
    pending = {
        (service, row["id"]) for service in SERVICES for row in evidence.table(f"{service}.outbox_pending")
    }
    for service, row in outboxes(evidence):
        named = f"{service} {row['topic']} {row['message_id']}"
        verdict.expect((row["topic"], row["message_id"]) in there, f"{named} is not on its topic")
        verdict.expect((service, row["id"]) not in pending, f"{named} was never marked")
    return verdict


def no_ghosts(evidence: Evidence) -> Verdict:
    verdict = Verdict("I2", "what is on a topic was committed, and what was refused was not")
    committed = {(row["topic"], row["message_id"]) for _, row in outboxes(evidence)}
    for record in own_records(evidence):
        verdict.expect((record.topic, record.id) in committed, f"{record.topic} {record.id} is in no outbox")
    texts = (str(record.data) for record in own_records(evidence) if record.topic.startswith("roster."))
    published_marks = {mark for text in texts for mark in MARK.findall(text)}
    for entry in evidence.ledger.select("nonsense", "add_student", "add_parent", outcome=Outcome.FAIL):
        verdict.expect(
            entry.mark not in published_marks,
            f"{entry.action} {entry.mark} was refused and published nevertheless",
        )
    return verdict


def in_order(evidence: Evidence) -> Verdict:
    verdict = Verdict(
        "I3 I4", "events of an aggregate leave in the order of their versions, each with its own"
    )
    lanes = {(row["topic"], row["message_id"]): row["lane"] for _, row in outboxes(evidence)}
    newest: dict[tuple[str, str, str], int] = {}
    seen: set[str] = set()
    taken: set[tuple[str, str, int]] = set()
    for record in own_records(evidence):
        if record.id in seen:
            continue
        seen.add(record.id)
        place = (record.topic, record.key, lanes.get((record.topic, record.id), ""))
        last = newest.get(place, 0)
        verdict.expect(record.version >= last, f"{record.topic} {record.key}: {record.version} after {last}")
        newest[place] = max(last, record.version)
        version = (record.topic, record.key, record.version)
        verdict.expect(version not in taken, f"{record.topic} {record.key}: two events are {record.version}")
        taken.add(version)
    return verdict


CHECKS = (nothing_missing, no_ghosts, in_order)

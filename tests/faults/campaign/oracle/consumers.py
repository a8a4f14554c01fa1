"""Consumers: every group passed every record, nothing took effect twice, poison is parked once."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from shared.contracts.topics import TOPICS_BY_NAME
from shared.runtime.messaging.inbox.dedup import dedup_id
from tests.faults.campaign.evidence import Evidence, Row
from tests.faults.campaign.faults.poison import PARKED, kind_of
from tests.faults.campaign.oracle.verdict import Verdict
from tests.support.stack import SERVICES


def passed_by_all(evidence: Evidence) -> Verdict:
    verdict = Verdict("I10 I19", "every group has passed every record of its topics")
    passed = {
        (row["consumer"], row["id"]) for service in SERVICES for row in evidence.table(f"{service}.inbox")
    }
    named: dict[str, tuple[str, str]] = {}
    for record in evidence.records:
        if kind_of(record.key) is not None:
            continue
        mark, identity = dedup_id(record.source, record.id), (record.source, record.id)
        same = named.setdefault(mark, identity)
        verdict.expect(same == identity, f"{identity} would be taken for {same}")
        for group in TOPICS_BY_NAME[record.topic].readers:
            known = (group, mark) in passed
            verdict.expect(known, f"{group} never passed {record.topic} {record.id}")
    return verdict


def one_effect(evidence: Evidence) -> Verdict:
    verdict = Verdict("I10", "each effect is there once, however often its cause was delivered or asked for")
    commands = [json.loads(row["data"]) for row in _sent(evidence, "notifier.message.send.v1")]
    asked = Counter((one["invitation_id"], one["generation"], one["template"]) for one in commands)
    for cause, count in asked.items():
        verdict.expect(count == 1, f"{count} commands to send {cause}")
    queued = {row["message_id"] for row in evidence.table("notifier.messages")}
    for one in commands:
        verdict.expect(one["message_id"] in queued, f"command {one['message_id']} was never queued")
    signed_up = Counter(
        json.loads(row["data"])["account_id"] for row in _sent(evidence, "signup.account.signed_up.v1")
    )
    for account_id, count in signed_up.items():
        verdict.expect(count == 1, f"{count} times signed up: {account_id}")
    return verdict


def poison_parked_once(evidence: Evidence) -> Verdict:
    verdict = Verdict("I13 I15", "poison is parked once per group, and nothing else is")
    parked = Counter(
        (row["consumer"], row["topic"], row["partition"], row["record_offset"])
        for row in _dead_letters(evidence)
    )
    expected = set()
    for record in evidence.records:
        kind = kind_of(record.key)
        for group in TOPICS_BY_NAME[record.topic].readers if kind is not None else ():
            place = (group, record.topic, record.partition, record.offset)
            expected.add(place)
            wanted = int(kind in PARKED)
            verdict.expect(parked[place] == wanted, f"{kind} at {place}: parked {parked[place]} times")
    for place, count in parked.items():
        verdict.expect(place in expected, f"{count} dead letters of a record that is ours: {place}")
    return verdict


def _dead_letters(evidence: Evidence) -> list[Row]:
    return [row for service in SERVICES for row in evidence.table(f"{service}.dead_letter")]


def no_bugs(evidence: Evidence) -> Verdict:
    verdict = Verdict("I15 I16 I17", "no process ended because of a bug of its own")
    verdict.looked_at = 1
    verdict.broken = list(evidence.crashes)
    return verdict


def _sent(evidence: Evidence, type_: str) -> list[Row]:
    """The outbox rows of this type whose data is kept."""
    rows: list[Row] = []
    for service in SERVICES:
        for row in evidence.table(f"{service}.outbox"):
            headers: dict[str, Any] = json.loads(row["headers"])
            if headers["ce_type"] == type_ and row["data"] is not None:
                rows.append(row)
    return rows


CHECKS = (passed_by_all, one_effect, poison_parked_once, no_bugs)

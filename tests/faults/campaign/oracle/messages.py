"""Delivery: whoever was to be invited got one message with the right link, and more only where the outcome was
unknown.
"""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Iterable

from tests.faults.campaign.evidence import Arrival, Evidence, Row
from tests.faults.campaign.oracle.events import own_records
from tests.faults.campaign.oracle.verdict import Verdict

SENT = frozenset({"sent", "delivered"})
_NEVER_TAKEN = frozenset({"refuse", "bounce"})
# Verdicts of attempts after which it is unknown whether a copy arrived.
_AMBIGUOUS = frozenset({"interrupted", "unknown"})
_AMBIGUOUS_PLAYS = frozenset({"drop", "hang"})
_CLOCK_SECONDS = 1.0


def all_finished(evidence: Evidence) -> Verdict:
    verdict = Verdict(
        "I31", "every message has an end; what was sent was received, and what was not has its reason"
    )
    received = {arrival.message_id for arrival in evidence.arrivals}
    unsure = _unsure(evidence)
    for row in evidence.table("notifier.messages"):
        label = f"message {row['message_id']} ({row['state']}, {row['code']})"
        verdict.expect(row["due_at"] is None, f"{label} was never finished")
        if row["state"] in SENT:
            verdict.expect(
                row["message_id"] in received, f"{label} is recorded as sent, and was not received"
            )
        else:
            excused = _excused(evidence, row, unsure[row["message_id"]])
            verdict.expect(excused, f"{label} was not sent for no reason of the recipient's")
    return verdict


def _excused(evidence: Evidence, row: Row, unsure: int) -> bool:
    """Return whether the recipient refused it, its attempts had unknown outcomes, or its link expired."""
    if evidence.address_behaviours.get(row["address"]) in _NEVER_TAKEN:
        return bool(row["state"] == "failed_permanent")
    if row["code"] == "expired":
        return bool(row["finished_at"] >= row["expires_at"])
    return bool(row["state"] == "unknown" and (unsure or row["interrupted"]))


def every_invite_sent(evidence: Evidence) -> Verdict:
    verdict = Verdict("I31", "each acknowledged invitation became a message")
    rows = evidence.table("notifier.messages")
    queued, reached = {row["message_id"] for row in rows}, {row["parent_id"] for row in rows}
    gone = {
        row["parent_id"]
        for row in evidence.table("invitations.parents")
        if row["removed"] or not row["has_access"]
    }
    for entry in evidence.ledger.select("invite"):
        message_id = entry.answer["message_id"]
        verdict.expect(message_id in queued, f"invite: {message_id} was acknowledged and does not exist")
    for entry in evidence.ledger.select("add_student", "add_parent"):
        parents = entry.answer.get("parents", [entry.answer])
        for parent in parents if entry.sent["invite"] else ():
            done = parent["parent_id"] in reached | gone
            verdict.expect(done, f"{entry.action} {entry.mark}: invited, and there is no message")
    waiting = [
        row for row in evidence.table("invitations.requested_invitations") if row["parent_id"] not in gone
    ]
    verdict.expect(not waiting, f"{len(waiting)} requested invitations were never issued")
    return verdict


def runs_add_up(evidence: Evidence) -> Verdict:
    verdict = Verdict("I31", "a run ends, and each of its parents has an end")
    for row in evidence.table("invitations.bulk_runs"):
        verdict.expect(row["state"] == "done", f"run {row['bulk_id']} is {row['state']}")
    queued = {row["message_id"] for row in evidence.table("notifier.messages")}
    for row in evidence.table("invitations.bulk_items"):
        finished = row["state"] != "pending" and (row["state"] != "messaged" or row["has_outcome"])
        verdict.expect(
            finished, f"run {row['bulk_id']}: {row['parent_id']} is {row['state']} without an outcome"
        )
        if row["state"] == "messaged":
            verdict.expect(
                row["message_id"] in queued, f"run {row['bulk_id']}: no message of {row['parent_id']}"
            )
    return verdict


def right_links(evidence: Evidence) -> Verdict:
    verdict = Verdict("I32", "every copy carries the one link of its invitation and generation")
    digests: dict[str, set[str]] = {}
    for record in own_records(evidence):
        if record.type in {
            "invitations.invitation.issued.v1",
            "invitations.invitation.verification_requested.v1",
        }:
            data = record.data or {}
            digests.setdefault(data["message_id"], set()).add(data["token_digest"])
    rows = {row["message_id"]: row for row in evidence.table("notifier.messages")}
    for arrival in evidence.arrivals:
        verdict.expect(
            arrival.message_id in rows,
            f"{arrival.to} got {arrival.message_id}, for which there is no command",
        )
        digests_found = {hashlib.sha256(token.encode()).hexdigest() for token in arrival.tokens}
        verdict.expect(
            digests_found == digests.get(arrival.message_id),
            f"{arrival.to}: {arrival.message_id} has another link",
        )
    return verdict


def repeats_are_excused(evidence: Evidence) -> Verdict:
    verdict = Verdict(
        "I32", "a second copy only after an attempt with an unknown outcome, and a fault at that time"
    )
    unsure = _unsure(evidence)
    for message_id, arrivals_of_message in _by_message(evidence.arrivals).items():
        again = len(arrivals_of_message) - 1
        verdict.expect(
            again <= unsure[message_id], f"{message_id}: {again} more, {unsure[message_id]} unsure"
        )
        for first, second in itertools.pairwise(arrivals_of_message):
            verdict.expect(
                _disturbed(evidence, first, second), f"{message_id}: sent again without a fault at that time"
            )
    return verdict


def _unsure(evidence: Evidence) -> Counter[str]:
    """Count the attempts of each message with an unknown outcome, including those that were reported late."""
    unknown = Counter(
        row["message_id"] for row in evidence.table("notifier.attempts") if row["verdict"] in _AMBIGUOUS
    )
    for row in evidence.table("notifier.messages"):
        if row["interrupted"]:
            unknown[row["message_id"]] = max(unknown[row["message_id"]], row["attempts"] - 1)
    return unknown


def _by_message(arrivals: Iterable[Arrival]) -> dict[str, list[Arrival]]:
    arrivals_of_message: dict[str, list[Arrival]] = {}
    for arrival in sorted(arrivals, key=lambda arrival: arrival.at):
        arrivals_of_message.setdefault(arrival.message_id, []).append(arrival)
    return arrivals_of_message


def _disturbed(evidence: Evidence, first: Arrival, second: Arrival) -> bool:
    """Return whether a process or server that the outcome needed was hit between the copies, or the recipient
    misbehaved.
    """
    if evidence.address_behaviours.get(first.to) in _AMBIGUOUS_PLAYS:
        return True
    begin, end = first.at - _CLOCK_SECONDS, second.at + _CLOCK_SECONDS
    return any(
        disturbance.began_at <= end and begin <= disturbance.ended_at
        for disturbance in evidence.disturbances
        if _matters(disturbance.what)
    )


def _matters(what: str) -> bool:
    return "notifier" in what or what in {"postgres", "mailbox"}


def duplicates(evidence: Evidence) -> int:
    """Count the copies beyond the first of each message."""
    return len(evidence.arrivals) - len({arrival.message_id for arrival in evidence.arrivals})


CHECKS = (all_finished, every_invite_sent, runs_add_up, right_links, repeats_are_excused)

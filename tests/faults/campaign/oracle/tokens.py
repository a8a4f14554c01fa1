"""Invitations' links: used once, by the newest generation, in time, by who still has access; each sign-up decided."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from tests.faults.campaign.evidence import Evidence
from tests.faults.campaign.ledger import Outcome
from tests.faults.campaign.oracle.events import ours
from tests.faults.campaign.oracle.verdict import Verdict
from tests.faults.campaign.topics import Record

_FACT = "invitations.invitation."


def accepted_once(evidence: Evidence) -> Verdict:
    verdict = Verdict("I20", "a link signs up one account at most, and each accepted sign-up has its account")
    submissions: dict[str, set[str]] = {}
    for record in _facts(evidence, "accepted"):
        submissions.setdefault(record.key, set()).add(_data(record)["submission_id"])
    for invitation_id, used in submissions.items():
        verdict.expect(len(used) == 1, f"{invitation_id} was accepted for {sorted(used)}")
    members = Counter((row["school_id"], row["parent_id"]) for row in evidence.table("signup.memberships"))
    for parent, count in members.items():
        verdict.expect(count == 1, f"{count} memberships of {parent}")
    named = {row["account_id"] for row in evidence.table("signup.memberships")}
    for row in evidence.table("signup.accounts"):
        verdict.expect(row["state"] == "active", f"account {row['account_id']} is still {row['state']}")
        verdict.expect(row["account_id"] in named, f"account {row['account_id']} belongs to no school")
    for row in evidence.table("signup.submissions"):
        verdict.expect(row["state"] != "pending", f"submission {row['submission_id']} was never decided")
    return verdict


def only_who_pressed(evidence: Evidence) -> Verdict:
    verdict = Verdict("I21", "nothing is submitted by looking: every submission has a press in the ledger")
    presses = [
        (entry.began_at, entry.ended_at)
        for entry in evidence.ledger.of("verify", "join", outcome=None)
        if entry.outcome is not Outcome.FAIL
    ]
    submitted = len(evidence.table("signup.submissions"))
    verdict.expect(submitted <= len(presses), f"{submitted} submissions of {len(presses)} presses")
    pressed = {entry.sent["token_digest"] for entry in evidence.ledger.of("verify", "join", outcome=None)}
    linked = {
        (record.key, _data(record)["generation"], _purpose(record)): _data(record)["token_digest"]
        for record in _facts(evidence, "issued", "verification_requested")
    }
    for row in evidence.table("signup.submissions"):
        digest = linked.get((row["invitation_id"], row["generation"], row["purpose"]))
        verdict.expect(digest in pressed, f"submission {row['submission_id']}: nobody pressed its link")
    return verdict


def never_too_late(evidence: Evidence) -> Verdict:
    verdict = Verdict("I22 I25", "no sign-up after the week; its end is told once and not early")
    submitted = {row["submission_id"]: row["submitted_at"] for row in evidence.table("signup.submissions")}
    rows = {row["invitation_id"]: row for row in evidence.table("invitations.invitations")}
    for row in rows.values():
        if row["accepted_at"] is not None:
            at = submitted.get(row["submission_id"])
            in_time = at is not None and at <= row["expires_at"]
            verdict.expect(in_time, f"{row['invitation_id']}: accepted though submitted at {at}")
    told: Counter[tuple[str, int]] = Counter()
    for record_id, record in {one.id: one for one in _facts(evidence, "expired")}.items():
        told[record.key, _data(record)["generation"]] += 1
        at = datetime.fromisoformat(record.time)
        ended = datetime.fromisoformat(_data(record)["expired_at"])
        verdict.expect(at >= ended, f"{record_id}: the end of {ended} was told at {at}")
    for (invitation_id, generation), count in told.items():
        # Verifying in time, read late, gives a new week of the same generation.
        verdict.expect(count <= 2, f"{invitation_id} generation {generation} ended {count} times")
    return verdict


def newest_link_only(evidence: Evidence) -> Verdict:
    verdict = Verdict("I23", "a new link ends all older ones: none is accepted or verified after it")
    issued: dict[str, list[tuple[int, int]]] = {}
    for record in _facts(evidence, "issued", "verification_requested"):
        issued.setdefault(record.key, []).append((record.version, _data(record)["generation"]))
    for record in _facts(evidence, "accepted", "contact_verified"):
        generation = _data(record)["generation"]
        newer = [
            one
            for version, one in issued.get(record.key, ())
            if version < record.version and one > generation
        ]
        verdict.expect(not newer, f"{record.key}: generation {generation} was taken after {newer}")
    one_each = Counter(
        (row["school_id"], row["parent_id"]) for row in evidence.table("invitations.invitations")
    )
    for parent, count in one_each.items():
        verdict.expect(count == 1, f"{count} invitations of {parent}")
    return verdict


def removed_have_no_access(evidence: Evidence) -> Verdict:
    verdict = Verdict("I24", "who was removed has no live link, no later acceptance and no access")
    removed = {row["parent_id"] for row in evidence.table("invitations.parents") if row["removed"]}
    for entry in evidence.ledger.of("remove"):
        parent_id = entry.sent["parent_id"]
        verdict.expect(parent_id in removed, f"{parent_id} was removed and invitations does not know")
    for row in evidence.table("invitations.invitations"):
        if row["parent_id"] in removed:
            verdict.expect(
                row["status"] == "blocked", f"{row['invitation_id']} of a removed parent is {row['status']}"
            )
    for row in evidence.table("signup.memberships"):
        if row["parent_id"] in removed:
            verdict.expect(
                row["ended_at"] is not None, f"{row['parent_id']} was removed and still has access"
            )
    blocked: dict[str, int] = {}
    for record in _facts(evidence, "blocked"):
        blocked[record.key] = min(record.version, blocked.get(record.key, record.version))
    for record in _facts(evidence, "accepted"):
        if _parent(record) in removed and record.key in blocked:
            verdict.expect(
                record.version < blocked[record.key], f"{record.key} was accepted after it was blocked"
            )
    return verdict


def _facts(evidence: Evidence, *names: str) -> Iterator[Record]:
    types = {f"{_FACT}{name}.v1" for name in names}
    return (record for record in ours(evidence) if record.type in types)


def _data(record: Record) -> dict[str, Any]:
    return record.data or {}


def _parent(record: Record) -> str:
    return str(_data(record)["parent_id"])


def _purpose(record: Record) -> str:
    return "join" if record.type == f"{_FACT}issued.v1" else "verify"


CHECKS = (accepted_once, only_who_pressed, never_too_late, newest_link_only, removed_have_no_access)

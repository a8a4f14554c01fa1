"""Links of invitations: used once, in time, by the newest generation, with access; and every sign-up is decided."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from tests.faults.campaign.evidence import Evidence
from tests.faults.campaign.ledger import Outcome
from tests.faults.campaign.oracle.events import own_records
from tests.faults.campaign.oracle.verdict import Verdict
from tests.faults.campaign.topics import Record

_EVENT_PREFIX = "invitations.invitation."


def accepted_once(evidence: Evidence) -> Verdict:
    verdict = Verdict("I20", "a link signs up one account at most, and each accepted sign-up has its account")
    submissions: dict[str, set[str]] = {}
    # A parent who loses access between the acceptance and the account gets no account.
    reversed_ = {record.key for record in _events(evidence, "blocked")}
    for record in _events(evidence, "accepted"):
        submissions.setdefault(record.key, set()).add(_data(record)["submission_id"])
    for invitation_id, used in submissions.items():
        verdict.expect(len(used) == 1, f"{invitation_id} was accepted for {sorted(used)}")
    members = Counter((row["school_id"], row["parent_id"]) for row in evidence.table("signup.memberships"))
    for parent, count in members.items():
        verdict.expect(count == 1, f"{count} memberships of {parent}")
    named = {row["account_id"] for row in evidence.table("signup.memberships")}
    opened = {row["invitation_id"] for row in evidence.table("signup.memberships")}
    for invitation_id in submissions:
        done = invitation_id in opened | reversed_
        verdict.expect(done, f"{invitation_id} was accepted, and there is no account")
    for row in evidence.table("signup.accounts"):
        verdict.expect(row["state"] == "active", f"account {row['account_id']} is still {row['state']}")
        verdict.expect(row["account_id"] in named, f"account {row['account_id']} belongs to no school")
    for row in evidence.table("signup.submissions"):
        verdict.expect(row["state"] != "pending", f"submission {row['submission_id']} was never decided")
    return verdict


def only_who_pressed(evidence: Evidence) -> Verdict:
    verdict = Verdict(
        "I21", "nothing is submitted by opening a link: every submission has a press in the ledger"
    )
    presses = [
        (entry.began_at, entry.ended_at)
        for entry in evidence.ledger.select("verify", "join", outcome=None)
        if entry.outcome is not Outcome.FAIL
    ]
    submitted = len(evidence.table("signup.submissions"))
    verdict.expect(submitted <= len(presses), f"{submitted} submissions of {len(presses)} presses")
    pressed = {entry.sent["token_digest"] for entry in evidence.ledger.select("verify", "join", outcome=None)}
    linked = {
        (record.key, _data(record)["generation"], _purpose(record)): _data(record)["token_digest"]
        for record in _events(evidence, "issued", "verification_requested")
    }
    for row in evidence.table("signup.submissions"):
        digest = linked.get((row["invitation_id"], row["generation"], row["purpose"]))
        verdict.expect(digest in pressed, f"submission {row['submission_id']}: its link was never pressed")
    return verdict


def never_too_late(evidence: Evidence) -> Verdict:
    verdict = Verdict("I22", "nothing is accepted or verified that was submitted after expiry")
    submitted = {row["submission_id"]: row["submitted_at"] for row in evidence.table("signup.submissions")}
    for row in evidence.table("invitations.invitations"):
        if row["accepted_at"] is not None:
            at = submitted.get(row["submission_id"])
            in_time = at is not None and at <= row["expires_at"]
            verdict.expect(in_time, f"{row['invitation_id']}: accepted though submitted at {at}")
    ends: dict[tuple[str, int], list[tuple[int, datetime]]] = {}
    for record in _events(evidence, "expired"):
        ends.setdefault(_link(record), []).append((record.version, _expiry(record)))
    renewals: dict[tuple[str, int], list[int]] = {}
    for record in _events(evidence, "issued"):
        renewals.setdefault(_link(record), []).append(record.version)
    for record in _events(evidence, "accepted", "contact_verified"):
        at = submitted.get(_data(record)["submission_id"])
        for version, ended in ends.get(_link(record), ()):
            # A timely verification that is read late starts a new period of the same generation: the expiry is void.
            renewed = any(version < renewal < record.version for renewal in renewals.get(_link(record), ()))
            late = version < record.version and not renewed and (at is None or at > ended)
            verdict.expect(
                not late, f"{record.key}: taken at {at}, after its expiry at {ended} was announced"
            )
    return verdict


def expiry_announced_once(evidence: Evidence) -> Verdict:
    verdict = Verdict("I25", "an expiry is announced once and not early")
    announced: Counter[tuple[str, int, datetime]] = Counter()
    for record_id, record in {record.id: record for record in _events(evidence, "expired")}.items():
        announced[*_link(record), _expiry(record)] += 1
        at = datetime.fromisoformat(record.time)
        verdict.expect(
            at >= _expiry(record),
            f"{record_id}: the expiry of {_expiry(record)} was announced at {record.time}",
        )
    for (invitation_id, generation, ended), count in announced.items():
        verdict.expect(
            count == 1, f"{invitation_id} generation {generation}: {ended} was announced {count} times"
        )
    # A verification in time that is read late starts a new period of the same generation.
    for (invitation_id, generation), count in Counter(place[:2] for place in announced).items():
        verdict.expect(count <= 2, f"{invitation_id} generation {generation} ended {count} times")
    ended_links = {place[:2] for place in announced}
    for row in evidence.table("invitations.invitations"):
        if row["status"] == "expired":
            announced_end = (row["invitation_id"], row["generation"]) in ended_links
            verdict.expect(announced_end, f"{row['invitation_id']} has expired, which was never announced")
    return verdict


def _link(record: Record) -> tuple[str, int]:
    return record.key, int(_data(record)["generation"])


def _expiry(record: Record) -> datetime:
    return datetime.fromisoformat(_data(record)["expired_at"])


def newest_link_only(evidence: Evidence) -> Verdict:
    verdict = Verdict("I23", "a new link ends all older ones: none is accepted or verified after it")
    issued: dict[str, list[tuple[int, int]]] = {}
    for record in _events(evidence, "issued", "verification_requested"):
        issued.setdefault(record.key, []).append((record.version, _data(record)["generation"]))
    for record in _events(evidence, "accepted", "contact_verified"):
        generation = _data(record)["generation"]
        newer = [
            newer_generation
            for version, newer_generation in issued.get(record.key, ())
            if version < record.version and newer_generation > generation
        ]
        verdict.expect(not newer, f"{record.key}: generation {generation} was taken after {newer}")
    invitations_by_parent = Counter(
        (row["school_id"], row["parent_id"]) for row in evidence.table("invitations.invitations")
    )
    for parent, count in invitations_by_parent.items():
        verdict.expect(count == 1, f"{count} invitations of {parent}")
    return verdict


def removed_have_no_access(evidence: Evidence) -> Verdict:
    verdict = Verdict("I24", "a parent who was removed, or may see no child, has no live link and no access")
    parents = evidence.table("invitations.parents")
    removed = {row["parent_id"] for row in parents if row["removed"]}
    shut_out = removed | {row["parent_id"] for row in parents if not row["has_access"]}
    for entry in evidence.ledger.select("remove"):
        parent_id = entry.sent["parent_id"]
        verdict.expect(parent_id in removed, f"{parent_id} was removed, which invitations has not recorded")
    for row in evidence.table("invitations.invitations"):
        blocked = row["status"] == "blocked"
        verdict.expect(
            blocked == (row["parent_id"] in shut_out),
            f"{row['invitation_id']} of {row['parent_id']} is {row['status']}",
        )
    for row in evidence.table("signup.memberships"):
        ended = row["ended_at"] is not None
        verdict.expect(
            ended == (row["parent_id"] in shut_out), f"{row['parent_id']}: its access has ended: {ended}"
        )
    return verdict


def dead_links_stay_dead(evidence: Evidence) -> Verdict:
    verdict = Verdict("I24", "between the end of access, or a withdrawal, and a new link nothing is accepted")
    link_states: dict[str, list[tuple[int, bool]]] = {}
    for name, alive in (
        ("issued", True),
        ("verification_requested", True),
        ("blocked", False),
        ("withdrawn", False),
    ):
        for record in _events(evidence, name):
            link_states.setdefault(record.key, []).append((record.version, alive))
    first: dict[str, Record] = {}
    for record in sorted(
        _events(evidence, "accepted", "contact_verified"), key=lambda record: record.version
    ):
        first.setdefault(_data(record)["submission_id"], record)
    for record in first.values():
        earlier = [state for state in link_states.get(record.key, ()) if state[0] < record.version]
        alive = bool(earlier) and max(earlier)[1]
        verdict.expect(alive, f"{record.key}: taken at version {record.version}, when its link was dead")
    return verdict


def _events(evidence: Evidence, *names: str) -> Iterator[Record]:
    types = {f"{_EVENT_PREFIX}{name}.v1" for name in names}
    return (record for record in own_records(evidence) if record.type in types)


def _data(record: Record) -> dict[str, Any]:
    return record.data or {}


def _purpose(record: Record) -> str:
    return "join" if record.type == f"{_EVENT_PREFIX}issued.v1" else "verify"


CHECKS = (
    accepted_once,
    only_who_pressed,
    never_too_late,
    expiry_announced_once,
    newest_link_only,
    removed_have_no_access,
    dead_links_stay_dead,
)

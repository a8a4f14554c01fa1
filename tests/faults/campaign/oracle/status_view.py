"""Agreement: the dashboard shows what invitations decided and what signup and the notifier did."""

from __future__ import annotations

from collections import Counter

from shared.contracts.topics import (
    INVITATIONS_INVITATION,
    NOTIFIER_MESSAGE,
    ROSTER_PARENT,
    ROSTER_SIBLINGS,
    SIGNUP_ACCOUNT,
)
from tests.faults.campaign.evidence import Evidence, Row
from tests.faults.campaign.oracle.events import own_records
from tests.faults.campaign.oracle.messages import SENT
from tests.faults.campaign.oracle.verdict import Verdict

_ON_THE_TIMELINE = frozenset(
    topic.name for topic in (ROSTER_PARENT, INVITATIONS_INVITATION, NOTIFIER_MESSAGE, SIGNUP_ACCOUNT)
)


def dashboard_agrees(evidence: Evidence) -> Verdict:
    verdict = Verdict("I12", "the dashboard's rows agree with invitations, notifier and signup")
    invitations = {row["parent_id"]: row for row in evidence.table("invitations.invitations")}
    members = {row["parent_id"]: row for row in evidence.table("signup.memberships")}
    for row in evidence.table("dashboard.parents"):
        if not row["listed"]:
            continue
        parent_id, invitation = row["parent_id"], invitations.get(row["parent_id"])
        wanted = "not_invited" if invitation is None else invitation["status"]
        verdict.expect(row["status"] == wanted, f"{parent_id}: shown {row['status']}, and it is {wanted}")
        signed_up = wanted == "signed_up"
        verdict.expect(
            signed_up == _active(members.get(parent_id)), f"{parent_id}: {wanted}, and the account differs"
        )
        if invitation is not None:
            same = row["delivery"] == invitation["delivery"]
            verdict.expect(
                same, f"{parent_id}: delivery {row['delivery']}, and it is {invitation['delivery']}"
            )
    return verdict


def _active(member: Row | None) -> bool:
    return member is not None and member["ended_at"] is None


def sign_ups_reached_all(evidence: Evidence) -> Verdict:
    verdict = Verdict("I10", "a sign-up reaches every service that needs it")
    roster = {row["parent_id"]: row for row in evidence.table("roster.parents")}
    dashboard = {row["parent_id"]: row for row in evidence.table("dashboard.parents")}
    invitations = {row["invitation_id"]: row for row in evidence.table("invitations.invitations")}
    for member in evidence.table("signup.memberships"):
        parent_id = member["parent_id"]
        if parent_id in roster:
            is_recorded = roster[parent_id]["signed_up_at"] is not None
            verdict.expect(is_recorded, f"{parent_id} signed up, which the roster has not recorded")
        shown = dashboard.get(parent_id)
        verdict.expect(
            shown is not None and shown["signed_up_at"] is not None, f"{parent_id}: not shown as signed up"
        )
        invitation = invitations.get(member["invitation_id"])
        complete = invitation is not None and invitation["signed_up_at"] is not None
        verdict.expect(complete, f"{parent_id} signed up, which invitations has not recorded")
    return verdict


def deliveries_agree(evidence: Evidence) -> Verdict:
    verdict = Verdict("I31", "an invitation's delivery is what became of its last message")
    messages = {row["message_id"]: row for row in evidence.table("notifier.messages")}
    for row in evidence.table("invitations.invitations"):
        message = messages.get(row["message_id"])
        verdict.expect(message is not None, f"{row['invitation_id']}: its message was never queued")
        if message is not None:
            sent = row["delivery"] in SENT
            agree = sent == (message["state"] in SENT) and row["delivery"] not in {
                "queued",
                "failed_temporary",
            }
            verdict.expect(
                agree, f"{row['invitation_id']}: {row['delivery']}, and its message {message['state']}"
            )
    return verdict


def timeline_is_complete(evidence: Evidence) -> Verdict:
    verdict = Verdict("I10", "each event about a parent is once on the timeline, and nothing else is")
    published = {
        (record.key, record.version) for record in own_records(evidence) if record.topic in _ON_THE_TIMELINE
    }
    shown = Counter((row["aggregate_id"], row["version"]) for row in evidence.table("dashboard.timeline"))
    for key, version in published:
        count = shown[key, version]
        verdict.expect(count == 1, f"{key} at version {version} is {count} times on the timeline")
    siblings = {record.key for record in own_records(evidence) if record.topic == ROSTER_SIBLINGS.name}
    for key, version in shown:
        is_published = (key, version) in published or key in siblings
        verdict.expect(is_published, f"{key} at version {version} is on the timeline and was never published")
    return verdict


CHECKS = (dashboard_agrees, sign_ups_reached_all, deliveries_agree, timeline_is_complete)

"""Tampering with links, sign-ups and messages."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from tests.faults.campaign.evidence import Evidence
from tests.unit.faults.story import AT, JOIN_MESSAGE, NOW, PARENT, resend
from tests.unit.faults.tampering import breaks, excuse_a_copy, find_record


@breaks("I20")
def a_link_is_accepted_twice(evidence: Evidence) -> None:
    record = find_record(evidence, "invitations.invitation.accepted.v1")
    data = {**(record.data or {}), "submission_id": "another"}
    evidence.records.append(resend(record, id="event-y", version=5, data=data))


@breaks("I20")
def a_link_is_spent_and_there_is_no_account(evidence: Evidence) -> None:
    for table in ("signup.accounts", "signup.memberships"):
        evidence.table(table).clear()


@breaks("I20")
def a_sign_up_is_never_decided(evidence: Evidence) -> None:
    evidence.table("signup.submissions")[1]["state"] = "pending"


@breaks("I21")
def a_link_was_used_by_opening_it(evidence: Evidence) -> None:
    evidence.ledger.entries[:] = [entry for entry in evidence.ledger.entries if entry.action != "verify"]


@breaks("I22")
def a_sign_up_came_after_expiry(evidence: Evidence) -> None:
    evidence.table("invitations.invitations")[0]["expires_at"] = NOW - timedelta(seconds=1)


@breaks("I22")
def a_contact_was_verified_after_expiry(evidence: Evidence) -> None:
    _expire(evidence, "invitations.invitation.verification_requested.v1", NOW - timedelta(seconds=1))


@breaks("I25")
def an_expiry_is_announced_early(evidence: Evidence) -> None:
    _expire(evidence, "invitations.invitation.issued.v1", NOW + timedelta(hours=1))


@breaks("I25")
def an_expiry_is_announced_twice(evidence: Evidence) -> None:
    for version in (8, 9):
        _expire(evidence, "invitations.invitation.issued.v1", NOW, version)


@breaks("I25")
def an_expiry_is_never_announced(evidence: Evidence) -> None:
    evidence.table("invitations.invitations")[0]["status"] = "expired"


def _expire(evidence: Evidence, of: str, ended: datetime, version: int | None = None) -> None:
    record = find_record(evidence, of)
    data = {"generation": 1, "parent_id": PARENT, "expired_at": ended.isoformat()}
    change = {"type": "invitations.invitation.expired.v1", "data": data}
    version = record.version if version is None else version
    evidence.records.append(resend(record, id=f"event-e{version}", version=version, **change))


@breaks("I23")
def an_older_link_is_accepted(evidence: Evidence) -> None:
    record = find_record(evidence, "invitations.invitation.issued.v1")
    newer = {**(record.data or {}), "generation": 2}
    evidence.records[evidence.records.index(record)] = replace(record, data=newer)


@breaks("I24")
def a_removed_parent_keeps_access(evidence: Evidence) -> None:
    evidence.table("invitations.parents")[0]["removed"] = True


@breaks("I24")
def a_withdrawn_link_is_accepted(evidence: Evidence) -> None:
    issued = find_record(evidence, "invitations.invitation.issued.v1")
    withdrawn = replace(issued, type="invitations.invitation.withdrawn.v1")
    evidence.records.insert(evidence.records.index(issued), withdrawn)
    evidence.records.remove(issued)


@breaks("I24")
def who_may_see_no_child_keeps_access(evidence: Evidence) -> None:
    evidence.table("invitations.parents")[0]["has_access"] = False


@breaks("I31")
def a_message_is_given_up_for_no_reason(evidence: Evidence) -> None:
    evidence.table("notifier.messages")[0].update(state="unknown", code="interrupted")


@breaks("I31")
def a_message_is_called_expired_while_its_link_is_valid(evidence: Evidence) -> None:
    evidence.table("notifier.messages")[0].update(state="failed_permanent", code="expired")


@breaks("I31")
def an_invitation_is_promised_and_another_is_sent(evidence: Evidence) -> None:
    sent = {"parent_id": PARENT, "channel": "email"}
    entry = replace(evidence.ledger.entries[0], action="invite", sent=sent, answer={"message_id": "another"})
    evidence.ledger.add(entry)


@breaks("I31")
def an_email_is_lost(evidence: Evidence) -> None:
    evidence.arrivals[:] = [arrival for arrival in evidence.arrivals if arrival.message_id != JOIN_MESSAGE]


@breaks("I31")
def a_message_is_never_finished(evidence: Evidence) -> None:
    evidence.table("notifier.messages")[0].update(state="queued", due_at=NOW)


@breaks("I31")
def an_invite_became_no_message(evidence: Evidence) -> None:
    evidence.table("notifier.messages").clear()


@breaks("I32")
def a_second_email_has_another_link(evidence: Evidence) -> None:
    evidence.arrivals.append(replace(evidence.arrivals[-1], at=AT + 60, tokens=("x" * 22,)))
    excuse_a_copy(evidence)


@breaks("I32")
def a_second_email_has_another_id(evidence: Evidence) -> None:
    evidence.arrivals.append(replace(evidence.arrivals[-1], message_id="another"))


@breaks("I32")
def an_email_is_sent_twice_for_no_reason(evidence: Evidence) -> None:
    evidence.arrivals.append(replace(evidence.arrivals[-1], at=AT + 60))

"""Decisions of the use cases that invite, remind and send deferred messages, without a database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from uuid import uuid4

import pytest

from services.invitations.domain.models import ContactUsage, DenialReason, EventKind, Origin
from services.invitations.domain.rules import Denied, Invitee, InviteRequest
from services.invitations.use_cases.invite import InviteCommand, plan_invitation
from services.invitations.use_cases.remind import plan_reminder
from services.invitations.use_cases.save_changes import Change
from services.invitations.use_cases.send_deferred import plan_deferred
from shared.contracts.quiet_hours import QuietHours
from shared.contracts.values import Channel, InvitationStatus, Template
from tests.unit.invitations.builders import DAY, NOW, SCHOOL, invited, invitee, phone, policy, present

EVENING = datetime(2030, 9, 2, 19, 30, tzinfo=UTC)
QUIET_END = datetime(2030, 9, 3, 6, 0, tzinfo=UTC)
NO_HOURS = QuietHours(time(0), time(0))


def command(request: InviteRequest) -> InviteCommand:
    return InviteCommand(SCHOOL.school_id, uuid4(), request, "staff:1")


def plan(candidate: Invitee, request: InviteRequest, now: datetime = NOW) -> Change:
    change = plan_invitation(policy(), candidate, command(request), now)
    assert isinstance(change, Change)
    return change


def by_phone(send_at: datetime | None = None) -> Invitee:
    """Return an invitee with an invitation by SMS that was sent at `NOW` or is deferred until `send_at`."""
    candidate = invited(invitee(phone()))
    return replace(candidate, invitation=replace(present(candidate), channel=Channel.SMS, send_at=send_at))


def test_an_invitation_is_addressed_to_the_chosen_contact_for_the_actor() -> None:
    candidate = invitee()
    change = plan(candidate, InviteRequest(Origin.STAFF))
    assert (change.actor, change.detail) == ("staff:1", "staff")
    assert change.to is not None
    assert (change.to.contact, change.to.quiet) == (candidate.parent.contacts[0], None)
    assert change.transition.send is Template.VERIFY


def test_a_denial_is_no_change() -> None:
    by_sms = command(InviteRequest(Origin.STAFF, Channel.SMS))
    assert plan_invitation(policy(), invitee(), by_sms, NOW) == Denied(DenialReason.NO_CONTACT)


@pytest.mark.parametrize(
    ("request_", "now", "detail"),
    [
        (InviteRequest(Origin.STAFF), NOW + timedelta(hours=23), "staff: within_cool_down"),
        (InviteRequest(Origin.STAFF), NOW + DAY, "staff"),
        (InviteRequest(Origin.STAFF, override_reason="Lost."), NOW + timedelta(hours=1), "staff: Lost."),
        (InviteRequest(Origin.CONTACT_CHANGE), NOW + timedelta(hours=1), "contact_change"),
    ],
)
def test_the_timeline_states_the_origin_and_why_a_limit_was_exceeded(
    request_: InviteRequest, now: datetime, detail: str
) -> None:
    assert plan(invited(), request_, now).detail == detail


def test_a_message_to_a_phone_is_deferred_in_quiet_hours_and_carries_them() -> None:
    change = plan(invitee(phone()), InviteRequest(Origin.STAFF, Channel.SMS), EVENING)
    assert (change.invitation.send_at, change.transition.send) == (QUIET_END, None)
    assert change.to is not None
    assert change.to.quiet == SCHOOL.quiet


def test_a_parent_who_requests_a_link_by_phone_gets_it_without_quiet_hours() -> None:
    expired = by_phone()
    expired = replace(expired, invitation=replace(present(expired), status=InvitationStatus.EXPIRED))
    change = plan(expired, InviteRequest(Origin.PARENT), EVENING)
    assert (change.invitation.send_at, change.invitation.channel) == (None, Channel.SMS)
    assert change.to is not None
    assert change.to.quiet is None


def test_a_reminder_repeats_the_link_to_the_same_contact() -> None:
    candidate = invited()
    change = plan_reminder(policy(), present(candidate), candidate, NOW + 3 * DAY)
    assert change.transition.send is Template.VERIFY_REMINDER
    assert change.to is not None
    assert change.to.contact is candidate.parent.contacts[0]


@pytest.mark.parametrize(
    "cause", ["removed", "no access", "address gone", "opted out", "capped", "signed up"]
)
def test_reminders_stop_for_good(cause: str) -> None:
    candidate = invited()
    invitation, record = present(candidate), candidate.parent
    contact = record.contacts[0]
    usage = ContactUsage(record.parent_id, contact.contact_id, contact.address_digest, messages=10)
    opt_outs = frozenset({(Channel.EMAIL, contact.address_digest)})
    changed = {
        "removed": replace(candidate, parent=replace(record, removed=True)),
        "no access": replace(candidate, parent=replace(record, has_access=False)),
        "address gone": replace(candidate, parent=replace(record, contacts=())),
        "opted out": replace(candidate, opted_out=opt_outs),
        "capped": replace(candidate, usages=(usage,)),
        "signed up": candidate,
    }[cause]
    if cause == "signed up":
        invitation = replace(invitation, status=InvitationStatus.SIGNED_UP)
    change = plan_reminder(policy(), invitation, changed, NOW + 3 * DAY)
    assert (change.transition.send, change.invitation.next_reminder_at) == (None, None)


def test_a_reminder_by_phone_is_deferred_in_quiet_hours() -> None:
    candidate = by_phone()
    change = plan_reminder(policy(), present(candidate), candidate, EVENING)
    assert (change.transition.send, change.invitation.next_reminder_at) == (None, QUIET_END)
    change = plan_reminder(policy(quiet=NO_HOURS), present(candidate), candidate, EVENING + DAY)
    assert change.transition.send is Template.VERIFY_REMINDER


def test_a_deferred_message_is_sent_when_quiet_hours_have_ended() -> None:
    candidate = by_phone(QUIET_END)
    change = plan_deferred(policy(), present(candidate), candidate, QUIET_END)
    assert (change.transition.send, change.invitation.send_at) == (Template.VERIFY, None)
    assert change.to is not None
    assert change.to.quiet == SCHOOL.quiet


def test_a_deferred_message_is_deferred_further_if_quiet_hours_have_begun_again() -> None:
    candidate = by_phone(EVENING - DAY)
    change = plan_deferred(policy(), present(candidate), candidate, EVENING)
    assert (change.transition.send, change.invitation.send_at) == (None, QUIET_END)


def test_a_deferred_message_is_cancelled_if_its_link_or_its_address_has_ended() -> None:
    candidate = by_phone(QUIET_END)
    withdrawn = replace(present(candidate), status=InvitationStatus.WITHDRAWN)
    removed = replace(candidate, parent=replace(candidate.parent, removed=True))
    elsewhere = replace(candidate, parent=replace(candidate.parent, contacts=()))
    for invitation, changed in (
        (withdrawn, candidate),
        (present(candidate), removed),
        (present(candidate), elsewhere),
    ):
        change = plan_deferred(policy(), invitation, changed, QUIET_END)
        assert (change.transition.send, change.invitation.send_at, change.to) == (None, None, None)
        assert EventKind.WITHDRAWN not in change.transition.events

"""Transitions of an invitation, as pure functions."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from services.invitations.domain import transitions
from services.invitations.domain.models import LIVE, EventKind, Invitation, Origin, Purpose, Transition
from services.invitations.domain.rules import is_verifiable, refusal_reason
from shared.contracts.values import Delivery, InvitationStatus, RefusalReason, Template
from tests.unit.invitations.builders import (
    DAY,
    NOW,
    SCHOOL,
    derive_link,
    email,
    expiry_window,
    inputs,
    invitation,
    invite,
    invitee,
)

HOUR = timedelta(hours=1)


def deferred() -> Invitation:
    return invite(invitee(), send_at=NOW + HOUR).invitation


def is_ended(before: Invitation, transition: Transition, status: InvitationStatus) -> bool:
    """Return whether the link is dead, nothing is scheduled any more, and one event is announced."""
    after = transition.invitation
    return (
        after.status is status
        and after.version == before.version + 1
        and after.next_reminder_at is None
        and after.send_at is None
        and len(transition.events) == 1
        and transition.send is None
    )


def test_p12_a_first_invitation_requests_to_verify_the_address() -> None:
    first = invite(invitee())
    assert first.first
    assert first.invitation.status is InvitationStatus.AWAITING_VERIFICATION
    assert first.events == (EventKind.VERIFICATION_REQUESTED,)
    assert first.send is Template.VERIFY
    assert first.invitation.template is Template.VERIFY
    assert first.invitation.purpose is Purpose.VERIFY
    assert (first.invitation.generation, first.invitation.version) == (1, 1)
    assert (first.invitation.last_invited_at, first.invitation.last_message_at) == (NOW, NOW)


def test_p13_the_invitation_follows_verification_by_itself() -> None:
    later = NOW + DAY
    state = replace(deferred(), delivery_reason="old")
    verified = transitions.verify(state, SCHOOL, inputs(later))
    assert verified.events == (EventKind.CONTACT_VERIFIED, EventKind.ISSUED)
    assert verified.send is Template.INVITE
    after = verified.invitation
    assert (after.status, after.purpose, after.template) == (
        InvitationStatus.INVITED,
        Purpose.JOIN,
        Template.INVITE,
    )
    assert after.token_digest != state.token_digest
    assert after.message_id != state.message_id
    assert (after.delivery, after.delivery_reason, after.send_at) == (Delivery.QUEUED, None, None)
    assert (after.last_invited_at, after.last_message_at) == (later, later)
    assert after.next_reminder_at == later + 3 * DAY
    assert after.version == 3
    assert [verified.version_of(index) for index in (0, 1)] == [2, 3]


def test_s3_a_verified_address_gets_the_invitation_directly() -> None:
    direct = invite(invitee(), verified=True)
    assert direct.events == (EventKind.ISSUED,)
    assert direct.send is Template.INVITE
    assert direct.invitation.status is InvitationStatus.INVITED
    assert direct.invitation.purpose is Purpose.JOIN


def test_p3_an_invitation_expires_seven_days_after_it_was_sent() -> None:
    state = invitation()
    assert state.expires_at == NOW + 7 * DAY
    verified = transitions.verify(state, SCHOOL, inputs(NOW + 6 * DAY)).invitation
    assert verified.expires_at == NOW + 13 * DAY


def test_p11_and_s4_a_re_invite_supersedes_and_starts_the_validity_period_again() -> None:
    candidate = invitee()
    old = invite(candidate).invitation
    again = invite(replace(candidate, invitation=old), now=NOW + DAY)
    new = again.invitation
    assert not again.first
    assert new.invitation_id == old.invitation_id
    assert (new.generation, new.version) == (2, 2)
    assert new.token_digest != old.token_digest
    assert new.expires_at == NOW + 8 * DAY
    assert new.first_invited_at == NOW
    assert refusal_reason(new, old.generation, NOW + DAY) is RefusalReason.REPLACED


@pytest.mark.parametrize("origin", [Origin.BULK, Origin.PARENT, Origin.CONTACT_CHANGE, Origin.ADDED])
def test_only_a_re_invite_by_staff_starts_the_one_minute_pause(origin: Origin) -> None:
    candidate = invitee()
    first = invite(candidate).invitation
    assert first.last_reinvite_at is None
    again = invite(replace(candidate, invitation=first), origin=origin).invitation
    assert again.last_reinvite_at is None
    by_staff = invite(replace(candidate, invitation=first)).invitation
    assert by_staff.last_reinvite_at == NOW
    later = invite(replace(candidate, invitation=by_staff), now=NOW + DAY, origin=origin).invitation
    assert later.last_reinvite_at == NOW


def test_expiry_is_never_early_and_announced_once() -> None:
    window = expiry_window()
    assert transitions.expire(window, window.expires_at) is None
    expired = transitions.expire(window, window.expires_at + timedelta(microseconds=1))
    assert expired == replace(window, version=window.version + 1, status=InvitationStatus.EXPIRED)
    assert transitions.expire(expired, window.expires_at + DAY) is None


def test_reminders_repeat_the_link_on_day_3_and_day_6() -> None:
    state = replace(invitation(), delivery=Delivery.SENT, delivery_reason="old")
    assert state.next_reminder_at == NOW + 3 * DAY
    first = transitions.remind(state, SCHOOL, inputs(NOW + 3 * DAY), DAY)
    assert first.send is Template.VERIFY_REMINDER
    assert first.events == ()
    after = first.invitation
    assert after.template is Template.VERIFY_REMINDER
    assert after.message_id != state.message_id
    assert (after.delivery, after.delivery_reason) == (Delivery.QUEUED, None)
    assert after.last_message_at == NOW + 3 * DAY
    assert after.token_digest == state.token_digest
    assert after.expires_at == state.expires_at
    assert after.version == state.version
    assert after.next_reminder_at == NOW + 6 * DAY
    second = transitions.remind(after, SCHOOL, inputs(NOW + 6 * DAY), DAY)
    assert second.invitation.next_reminder_at is None


def test_a_reminder_of_the_invitation_has_its_own_template() -> None:
    reminder = transitions.remind(invitation(verified=True), SCHOOL, inputs(NOW + 3 * DAY), DAY)
    assert reminder.send is Template.INVITE_REMINDER


def test_a_reminder_waits_for_the_cool_down() -> None:
    state = replace(invitation(), last_message_at=NOW + 3 * DAY - HOUR)
    postponed = transitions.remind(state, SCHOOL, inputs(NOW + 3 * DAY), DAY)
    assert postponed.send is None
    assert postponed.invitation.next_reminder_at == NOW + 4 * DAY - HOUR
    assert postponed.invitation.message_id == state.message_id


def test_a_reminder_is_sent_as_soon_as_the_cool_down_is_over() -> None:
    state = replace(invitation(), last_message_at=NOW + 2 * DAY)
    assert transitions.remind(state, SCHOOL, inputs(NOW + 3 * DAY), DAY).send is Template.VERIFY_REMINDER


@pytest.mark.parametrize("cool_down", [7 * DAY, 8 * DAY])
def test_a_reminder_that_the_cool_down_postpones_until_the_expiry_is_dropped(cool_down: timedelta) -> None:
    postponed = transitions.remind(invitation(), SCHOOL, inputs(NOW + 3 * DAY), cool_down)
    assert postponed.invitation.next_reminder_at is None


def test_reminders_lie_within_the_validity_period() -> None:
    state = invitation()
    late = replace(SCHOOL, reminders=(7 * DAY, 9 * DAY))
    assert transitions.first_reminder(late, NOW) is None
    assert transitions.next_reminder(state, late, NOW) is None
    mixed = replace(SCHOOL, reminders=(5 * DAY, 2 * DAY, 7 * DAY))
    assert transitions.first_reminder(mixed, NOW) == NOW + 2 * DAY
    assert transitions.next_reminder(state, mixed, NOW) == NOW + 2 * DAY
    assert transitions.next_reminder(state, mixed, NOW + 2 * DAY) == NOW + 5 * DAY


def test_reminders_are_stopped_for_the_generation() -> None:
    state = invitation()
    assert transitions.stop_reminders(state) == Transition(replace(state, next_reminder_at=None))


def test_withdrawing_ends_the_link() -> None:
    for state in (invitation(), invitation(verified=True), deferred()):
        withdrawn = transitions.withdraw(state)
        assert withdrawn is not None
        assert withdrawn.events == (EventKind.WITHDRAWN,)
        assert is_ended(state, withdrawn, InvitationStatus.WITHDRAWN)
        assert refusal_reason(withdrawn.invitation, 1, NOW) is RefusalReason.WITHDRAWN
        assert not is_verifiable(withdrawn.invitation, 1, NOW)
        assert transitions.withdraw(withdrawn.invitation) is None


def test_revoking_ends_the_link_whatever_the_status_was() -> None:
    for state in (deferred(), replace(invitation(), blocked_reason="removed")):
        revoked = transitions.revoke(state)
        assert revoked.events == (EventKind.WITHDRAWN,)
        assert is_ended(state, revoked, InvitationStatus.WITHDRAWN)
        assert revoked.invitation.blocked_reason is None


@pytest.mark.parametrize(
    "status", [status for status in InvitationStatus if status is not InvitationStatus.BLOCKED]
)
def test_losing_access_blocks_whatever_the_status_was(status: InvitationStatus) -> None:
    before = replace(deferred(), status=status)
    blocked = transitions.block(before, "removed")
    assert blocked is not None
    assert blocked.events == (EventKind.BLOCKED,)
    assert is_ended(before, blocked, InvitationStatus.BLOCKED)
    assert blocked.invitation.blocked_reason == "removed"
    assert refusal_reason(blocked.invitation, 1, NOW) is RefusalReason.NO_ACCESS
    assert transitions.block(blocked.invitation, "removed") is None
    assert transitions.unblock(before) is None
    unblocked = transitions.unblock(blocked.invitation)
    assert unblocked is not None
    assert unblocked.events == (EventKind.WITHDRAWN,)
    assert is_ended(blocked.invitation, unblocked, InvitationStatus.WITHDRAWN)
    assert unblocked.invitation.blocked_reason is None


def test_i24_access_that_returns_makes_a_parent_with_an_account_signed_up_again() -> None:
    completed = transitions.complete_sign_up(invitation(verified=True), NOW)
    assert completed == Transition(replace(completed.invitation, signed_up_at=NOW))
    blocked = transitions.block(completed.invitation, "no_access")
    assert blocked is not None
    unblocked = transitions.unblock(blocked.invitation)
    assert unblocked is not None
    assert unblocked.events == (EventKind.ACCEPTED,)
    after = unblocked.invitation
    assert (after.status, after.blocked_reason) == (InvitationStatus.SIGNED_UP, None)
    assert after.version == blocked.invitation.version + 1


def test_an_answer_to_a_submission_has_a_version_of_its_own_and_changes_nothing_else() -> None:
    state = invitation()
    answered = transitions.answer_submission(state, EventKind.REFUSED)
    assert answered == Transition(replace(state, version=state.version + 1), (EventKind.REFUSED,))
    assert answered.version_of(0) == state.version + 1


def test_a_submission_made_in_time_is_good_even_if_it_is_read_after_the_expiry() -> None:
    state = invitation()
    expired = replace(state, status=InvitationStatus.EXPIRED)
    assert is_verifiable(expired, 1, state.expires_at)
    assert not is_verifiable(expired, 1, state.expires_at + timedelta(seconds=1))
    assert refusal_reason(expired, 1, state.expires_at + timedelta(seconds=1)) is RefusalReason.EXPIRED


def test_a_used_link_is_refused_as_used() -> None:
    used = replace(invitation(verified=True), status=InvitationStatus.SIGNED_UP, accepted_at=NOW)
    assert refusal_reason(used, 1, NOW + DAY) is RefusalReason.USED


def test_the_state_names_the_key_of_the_link() -> None:
    state = invite(invitee(email())).invitation
    assert state.token_key_id == "k1"
    assert state.token_digest == derive_link(Purpose.VERIFY, state.invitation_id, 1).digest


def test_a_new_message_starts_the_delivery_anew() -> None:
    candidate = invitee()
    bounced = replace(
        invite(candidate).invitation,
        delivery=Delivery.FAILED_PERMANENT,
        delivery_reason="No such mailbox.",
    )
    again = invite(replace(candidate, invitation=bounced)).invitation
    assert again.delivery is Delivery.QUEUED
    assert again.delivery_reason is None
    assert again.status in LIVE

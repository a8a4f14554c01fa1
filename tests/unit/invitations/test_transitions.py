"""The life of an invitation, as pure functions."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.invitations.domain import transitions
from services.invitations.domain.rules import refusal, verifiable
from services.invitations.domain.states import (
    LIVE,
    Delivery,
    Fact,
    InvitationStatus,
    Origin,
    Purpose,
    Refusal,
    Template,
)
from tests.unit.invitations.values import DAY, NOW, SCHOOL, email, family, invited, seal, stamp, week


def test_p12_a_first_invitation_asks_to_verify_the_address() -> None:
    first = invited(family())
    assert first.invitation.status is InvitationStatus.AWAITING_VERIFICATION
    assert first.facts == (Fact.VERIFICATION_REQUESTED,)
    assert first.send is Template.VERIFY
    assert (first.invitation.generation, first.invitation.version) == (1, 1)


def test_p13_the_invitation_follows_verification_by_itself() -> None:
    later = NOW + DAY
    asked = invited(family()).invitation
    verified = transitions.verify(asked, SCHOOL, stamp(later))
    assert verified.facts == (Fact.CONTACT_VERIFIED, Fact.ISSUED)
    assert verified.send is Template.INVITE
    assert verified.invitation.status is InvitationStatus.INVITED
    assert verified.invitation.token_digest != asked.token_digest
    assert verified.invitation.message_id != asked.message_id
    assert [verified.version_of(index) for index in (0, 1)] == [2, 3]


def test_s3_a_verified_address_gets_the_invitation_directly() -> None:
    direct = invited(family(), verified=True)
    assert direct.facts == (Fact.ISSUED,)
    assert direct.send is Template.INVITE
    assert direct.invitation.status is InvitationStatus.INVITED


def test_p3_an_invitation_expires_one_week_after_it_was_sent() -> None:
    asked = invited(family()).invitation
    assert asked.expires_at == NOW + 7 * DAY
    verified = transitions.verify(asked, SCHOOL, stamp(NOW + 6 * DAY)).invitation
    assert verified.expires_at == NOW + 13 * DAY


def test_p11_and_s4_a_re_invite_supersedes_and_starts_the_week_again() -> None:
    about = family()
    old = invited(about).invitation
    new = invited(replace(about, invitation=old), now=NOW + DAY).invitation
    assert new.invitation_id == old.invitation_id
    assert (new.generation, new.version) == (2, 2)
    assert new.token_digest != old.token_digest
    assert new.expires_at == NOW + 8 * DAY
    assert new.first_invited_at == NOW
    assert refusal(new, old.generation, NOW + DAY) is Refusal.REPLACED


@pytest.mark.parametrize("origin", [Origin.BULK, Origin.PARENT, Origin.CONTACT_CHANGE, Origin.ADDED])
def test_only_a_re_invite_by_staff_starts_the_one_minute_pause(origin: Origin) -> None:
    about = family()
    first = invited(about).invitation
    assert first.last_reinvite_at is None
    again = invited(replace(about, invitation=first), origin=origin).invitation
    assert again.last_reinvite_at is None
    by_staff = invited(replace(about, invitation=first)).invitation
    assert by_staff.last_reinvite_at == NOW


def test_expiry_is_never_early_and_announced_once() -> None:
    asked = week()
    assert transitions.expire(asked, asked.expires_at) is None
    over = transitions.expire(asked, asked.expires_at + timedelta(microseconds=1))
    assert over == replace(asked, version=asked.version + 1, status=InvitationStatus.EXPIRED)
    assert transitions.expire(over, asked.expires_at + DAY) is None


def test_reminders_repeat_the_link_on_day_3_and_day_6() -> None:
    asked = invited(family()).invitation
    assert asked.next_reminder_at == NOW + 3 * DAY
    first = transitions.remind(asked, SCHOOL, stamp(NOW + 3 * DAY), DAY)
    assert first.send is Template.VERIFY_REMINDER
    assert first.facts == ()
    assert first.invitation.token_digest == asked.token_digest
    assert first.invitation.expires_at == asked.expires_at
    assert first.invitation.next_reminder_at == NOW + 6 * DAY
    second = transitions.remind(first.invitation, SCHOOL, stamp(NOW + 6 * DAY), DAY)
    assert second.invitation.next_reminder_at is None


def test_a_reminder_waits_for_the_cool_down() -> None:
    asked = replace(invited(family()).invitation, last_message_at=NOW + 3 * DAY - timedelta(hours=1))
    put_off = transitions.remind(asked, SCHOOL, stamp(NOW + 3 * DAY), DAY)
    assert put_off.send is None
    assert put_off.invitation.next_reminder_at == NOW + 4 * DAY - timedelta(hours=1)


def test_withdrawing_kills_the_link() -> None:
    asked = invited(family()).invitation
    withdrawn = transitions.withdraw(asked)
    assert withdrawn is not None
    assert withdrawn.facts == (Fact.WITHDRAWN,)
    assert refusal(withdrawn.invitation, 1, NOW) is Refusal.WITHDRAWN
    assert not verifiable(withdrawn.invitation, 1, NOW)
    assert transitions.withdraw(withdrawn.invitation) is None


@pytest.mark.parametrize("status", [one for one in InvitationStatus if one is not InvitationStatus.BLOCKED])
def test_losing_access_blocks_whatever_the_status_was(status: InvitationStatus) -> None:
    before = replace(invited(family()).invitation, status=status)
    blocked = transitions.block(before, "removed")
    assert blocked is not None
    assert blocked.invitation.status is InvitationStatus.BLOCKED
    assert refusal(blocked.invitation, 1, NOW) is Refusal.NO_ACCESS
    assert transitions.block(blocked.invitation, "removed") is None
    back = transitions.unblock(blocked.invitation)
    assert back is not None
    assert back.invitation.status is InvitationStatus.WITHDRAWN


def test_a_submission_made_in_time_is_good_even_when_read_after_the_week() -> None:
    asked = invited(family()).invitation
    over = replace(asked, status=InvitationStatus.EXPIRED)
    assert verifiable(over, 1, asked.expires_at)
    assert not verifiable(over, 1, asked.expires_at + timedelta(seconds=1))
    assert refusal(over, 1, asked.expires_at + timedelta(seconds=1)) is Refusal.EXPIRED


def test_a_used_link_says_so() -> None:
    done = replace(
        invited(family(), verified=True).invitation, status=InvitationStatus.SIGNED_UP, accepted_at=NOW
    )
    assert refusal(done, 1, NOW + DAY) is Refusal.USED


def test_the_state_says_which_key_made_the_link() -> None:
    asked = invited(family(email())).invitation
    assert asked.token_key_id == "k1"
    assert asked.token_digest == seal(Purpose.VERIFY, asked.invitation_id, 1).digest


def test_a_new_message_starts_the_delivery_axis_anew() -> None:
    about = family()
    bounced = replace(
        invited(about).invitation, delivery=Delivery.FAILED_PERMANENT, delivery_reason="No such mailbox."
    )
    again = invited(replace(about, invitation=bounced)).invitation
    assert again.delivery is Delivery.QUEUED
    assert again.delivery_reason is None
    assert again.status in LIVE

"""Rules for inviting a parent: denial reasons, choice of channel and contact, and refusal of submissions."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from services.invitations.domain.models import ContactUsage, DenialReason, Origin
from services.invitations.domain.rules import (
    Allowed,
    Denied,
    Invitee,
    InviteRequest,
    can_receive_links,
    choose_contact,
    decide,
    find_usage,
    is_closed,
    is_contact_gone,
    is_verifiable,
    may_remind,
    refusal_reason,
    resolve_channel,
)
from shared.contracts.values import Channel, Delivery, InvitationStatus, RefusalReason
from tests.unit.invitations.builders import (
    DAY,
    LIMITS,
    NOW,
    SCHOOL,
    SECOND,
    email,
    invitation,
    invite,
    invited,
    invitee,
    parent,
    phone,
    present,
    verdict,
)

STAFF, BULK, PARENT, ADDED, CONTACT_CHANGE = (
    InviteRequest(origin)
    for origin in (Origin.STAFF, Origin.BULK, Origin.PARENT, Origin.ADDED, Origin.CONTACT_CHANGE)
)
LIVE = [InvitationStatus.AWAITING_VERIFICATION, InvitationStatus.INVITED]
ALL_CHANNELS = frozenset(Channel)


def with_status(candidate: Invitee, status: InvitationStatus) -> Invitee:
    return replace(candidate, invitation=replace(present(candidate), status=status))


@pytest.mark.parametrize("invite_request", [STAFF, BULK, ADDED])
def test_p1_p18_p19_a_parent_who_was_never_invited_may_be(invite_request: InviteRequest) -> None:
    assert verdict(invitee(), invite_request) == "allowed"


@pytest.mark.parametrize("invite_request", [STAFF, BULK, PARENT, ADDED])
def test_s2_a_parent_who_signed_up_declined_or_may_see_no_child_is_passed_over(
    invite_request: InviteRequest,
) -> None:
    candidate = invited()
    for status in (InvitationStatus.SIGNED_UP, InvitationStatus.DECLINED):
        assert verdict(with_status(candidate, status), invite_request) == status.value
    restricted = replace(candidate, parent=replace(candidate.parent, has_access=False))
    assert verdict(restricted, invite_request) == "restricted"
    removed = replace(candidate, parent=replace(candidate.parent, removed=True))
    assert verdict(removed, invite_request) == "removed"


def test_p14_re_invite_is_no_longer_possible_after_sign_up() -> None:
    signed_up = with_status(invited(), InvitationStatus.SIGNED_UP)
    assert verdict(signed_up, STAFF, NOW + 30 * DAY) == "signed_up"


def test_a_school_that_issues_usernames_refuses_a_first_invitation() -> None:
    candidate = replace(invitee(), school=replace(SCHOOL, credentials_mode="issued"))
    assert verdict(candidate, STAFF) == "no_credentials"
    assert verdict(candidate, BULK) == "no_credentials"


def test_a_parent_without_an_address_for_the_channel_is_passed_over() -> None:
    assert verdict(Invitee(parent(), SCHOOL, None), STAFF) == "no_contact"
    assert verdict(invitee(), InviteRequest(Origin.BULK, Channel.SMS)) == "no_contact"
    assert verdict(invitee(), InviteRequest(Origin.STAFF, Channel.EMAIL, uuid4())) == "no_contact"


def test_the_cool_down_holds_for_runs_and_parents_not_for_staff() -> None:
    candidate = invited()
    soon, later = NOW + timedelta(hours=23), NOW + DAY
    limited = (BULK, PARENT, ADDED)
    assert [verdict(candidate, invite_request, soon) for invite_request in limited] == ["cool_down"] * 3
    assert [verdict(candidate, invite_request, later) for invite_request in limited] == ["allowed"] * 3
    assert verdict(candidate, STAFF, NOW + SECOND) == "allowed"
    assert verdict(candidate, CONTACT_CHANGE, soon) == "allowed"


def test_the_cool_down_states_how_long_it_lasts() -> None:
    denied = Denied(DenialReason.COOL_DOWN, timedelta(hours=4))
    assert decide(invited(), BULK, LIMITS, NOW + timedelta(hours=20)) == denied
    assert verdict(invited(), BULK, NOW + DAY - timedelta(microseconds=1)) == "cool_down"


@pytest.mark.parametrize("status", list(InvitationStatus))
def test_a_parent_who_is_added_again_waits_only_for_a_live_invitation(status: InvitationStatus) -> None:
    candidate = with_status(invited(), status)
    expected = "cool_down" if status in LIVE else "allowed"
    if status in {InvitationStatus.SIGNED_UP, InvitationStatus.DECLINED}:
        expected = status.value
    assert verdict(candidate, ADDED, NOW + SECOND) == expected


def test_a_parent_whose_link_has_expired_may_request_a_new_one_at_once() -> None:
    expired = with_status(invited(), InvitationStatus.EXPIRED)
    assert verdict(expired, PARENT, NOW + timedelta(minutes=5)) == "allowed"
    assert verdict(expired, BULK, NOW + timedelta(minutes=5)) == "cool_down"


def test_staff_re_invite_at_most_once_a_minute() -> None:
    candidate = invited()
    again = replace(candidate, invitation=invite(candidate, now=NOW + 5 * SECOND).invitation)
    denied = decide(again, STAFF, LIMITS, NOW + 64 * SECOND)
    assert isinstance(denied, Denied)
    assert (denied.reason.value, denied.retry_after) == ("too_soon", SECOND)
    assert verdict(again, STAFF, NOW + 65 * SECOND) == "allowed"


def test_ten_messages_per_contact_until_the_address_changes_or_a_reason_is_given() -> None:
    contact = email()
    candidate = invitee(contact)
    full = ContactUsage(candidate.parent.parent_id, contact.contact_id, contact.address_digest, messages=10)
    assert verdict(replace(candidate, usages=(full,)), STAFF) == "message_cap"
    overridden = InviteRequest(Origin.STAFF, override_reason="She asked.")
    assert verdict(replace(candidate, usages=(full,)), overridden) == "allowed"
    assert verdict(replace(candidate, usages=(replace(full, messages=9),)), STAFF) == "allowed"
    other = replace(contact, address="new@example.org")
    assert verdict(Invitee(parent(other), SCHOOL, None, (full,)), STAFF) == "allowed"


def test_the_usage_of_a_contact_is_found_by_its_id_and_its_address() -> None:
    contact, other = email(), email("b@example.org")
    usage, other_usage = (
        ContactUsage(uuid4(), address.contact_id, address.address_digest, 0) for address in (contact, other)
    )
    assert find_usage((other_usage, usage), contact) is usage
    assert find_usage((other_usage,), contact) is None
    same_address = replace(usage, contact_id=other.contact_id)
    assert find_usage((same_address,), contact) is None


def test_s3_an_address_that_was_verified_here_or_by_the_roster_needs_no_second_verification() -> None:
    contact = email()
    candidate = invitee(contact)
    verified = ContactUsage(candidate.parent.parent_id, contact.contact_id, contact.address_digest, 1, NOW)
    for candidate_with_proof in (replace(candidate, usages=(verified,)), invitee(email(verified=True))):
        decision = decide(candidate_with_proof, STAFF, LIMITS, NOW)
        assert isinstance(decision, Allowed)
        assert decision.verified
    for usages in ((), (replace(verified, verified_at=None),)):
        decision = decide(replace(candidate, usages=usages), STAFF, LIMITS, NOW)
        assert isinstance(decision, Allowed)
        assert not decision.verified
    changed = Invitee(parent(replace(contact, address="new@example.org")), SCHOOL, None, (verified,))
    decision = decide(changed, STAFF, LIMITS, NOW)
    assert isinstance(decision, Allowed)
    assert not decision.verified


def test_a_suppressed_address_is_opted_out_for_runs_only() -> None:
    candidate = invited()
    suppressed = replace(present(candidate), delivery=Delivery.SUPPRESSED)
    silent = replace(candidate, invitation=suppressed)
    assert verdict(silent, BULK, NOW + 2 * DAY) == "opted_out"
    assert verdict(silent, STAFF, NOW + 2 * DAY) == "allowed"
    elsewhere = replace(silent, invitation=replace(suppressed, address_digest="0"))
    assert verdict(elsewhere, BULK, NOW + 2 * DAY) == "allowed"


def test_i36_an_opted_out_address_gets_nothing_on_that_channel_whatever_the_origin() -> None:
    contact = phone()
    candidate = replace(
        invitee(contact), opted_out=frozenset({(Channel.SMS, contact.address_digest), (Channel.EMAIL, "0")})
    )
    for origin in Origin:
        assert verdict(candidate, InviteRequest(origin, Channel.SMS)) == "opted_out"
    assert verdict(candidate, InviteRequest(Origin.STAFF, Channel.WHATSAPP)) == "allowed"
    other = replace(candidate, parent=parent(phone("+4915187654321")))
    assert verdict(other, InviteRequest(Origin.STAFF, Channel.SMS)) == "allowed"


def test_the_preferred_contact_is_chosen_and_a_new_link_goes_where_the_old_one_went() -> None:
    second, preferred = email("b@example.org", preferred=False), email("a@example.org")
    candidate = invitee(second, preferred)
    assert choose_contact(candidate.parent, Channel.EMAIL) is preferred
    sent_to_second = invited(candidate)
    decision = decide(sent_to_second, PARENT, LIMITS, NOW + 2 * DAY)
    assert isinstance(decision, Allowed)
    assert decision.contact is second
    moved = replace(sent_to_second, parent=parent(replace(second, address="c@example.org"), preferred))
    decision = decide(moved, PARENT, LIMITS, NOW + 2 * DAY)
    assert isinstance(decision, Allowed)
    assert decision.contact is preferred


def test_a_contact_is_chosen_by_kind_by_id_and_else_the_first_one() -> None:
    address, number, other = email(preferred=False), phone(preferred=False), phone("+49", preferred=False)
    record = parent(address, number, other)
    assert choose_contact(record, Channel.EMAIL) is address
    assert choose_contact(record, Channel.SMS) is number
    assert choose_contact(record, Channel.WHATSAPP, other.contact_id) is other
    assert choose_contact(record, Channel.EMAIL, other.contact_id) is None


def test_s6_a_changed_address_is_noticed_and_a_new_spelling_is_not() -> None:
    contact = email("Ada@Example.org")
    sent = invite(invitee(contact)).invitation
    assert not is_contact_gone(sent, parent(replace(contact, address=" ada@example.org")))
    assert is_contact_gone(sent, parent(replace(contact, address="eve@example.org")))
    assert is_contact_gone(sent, parent(replace(contact, contact_id=uuid4())))
    assert is_contact_gone(sent, parent())


def test_links_are_for_parents_with_access_who_still_have_the_address() -> None:
    candidate = invited()
    sent, record = present(candidate), candidate.parent
    assert can_receive_links(sent, record)
    assert not can_receive_links(sent, replace(record, has_access=False))
    assert not can_receive_links(sent, replace(record, removed=True))
    assert not can_receive_links(sent, replace(record, contacts=()))


def test_a_new_link_uses_the_channel_of_the_old_one() -> None:
    candidate = invited()
    by_phone = replace(candidate, invitation=replace(present(candidate), channel=Channel.SMS))
    assert resolve_channel(by_phone, PARENT, ALL_CHANNELS).channel is Channel.SMS
    assert resolve_channel(by_phone, STAFF, ALL_CHANNELS) == STAFF
    assert resolve_channel(invitee(), PARENT, ALL_CHANNELS) == PARENT


def test_p9_only_an_added_parent_is_reached_on_another_usable_channel() -> None:
    only_phone = invitee(phone())
    assert resolve_channel(only_phone, ADDED, ALL_CHANNELS).channel is Channel.SMS
    assert resolve_channel(only_phone, ADDED, {Channel.WHATSAPP}).channel is Channel.WHATSAPP
    assert resolve_channel(only_phone, ADDED, {Channel.EMAIL}) == ADDED
    assert resolve_channel(only_phone, BULK, ALL_CHANNELS) == BULK
    assert resolve_channel(invitee(phone(), email()), ADDED, ALL_CHANNELS) == ADDED
    by_sms = InviteRequest(Origin.ADDED, Channel.SMS)
    assert resolve_channel(invitee(email()), by_sms, ALL_CHANNELS).channel is Channel.EMAIL


def test_a_contact_gets_no_further_message_by_itself_once_its_cap_is_reached_or_it_opted_out() -> None:
    contact = email()
    candidate = invitee(contact)
    usage = ContactUsage(candidate.parent.parent_id, contact.contact_id, contact.address_digest, 9)
    assert not is_closed(candidate, contact, Channel.EMAIL, LIMITS)
    assert not is_closed(replace(candidate, usages=(usage,)), contact, Channel.EMAIL, LIMITS)
    full = replace(candidate, usages=(replace(usage, messages=10),))
    assert is_closed(full, contact, Channel.EMAIL, LIMITS)
    opted_out = replace(candidate, opted_out=frozenset({(Channel.EMAIL, contact.address_digest)}))
    assert is_closed(opted_out, contact, Channel.EMAIL, LIMITS)
    assert not is_closed(opted_out, contact, Channel.SMS, LIMITS)


def test_a_reminder_needs_a_live_link_that_has_not_expired_and_a_deliverable_address() -> None:
    sent = invitation()
    assert may_remind(sent, sent.expires_at - SECOND)
    assert not may_remind(sent, sent.expires_at)
    for delivery in Delivery:
        expected = delivery not in {Delivery.FAILED_PERMANENT, Delivery.SUPPRESSED}
        assert may_remind(replace(sent, delivery=delivery), NOW) == expected
    for status in InvitationStatus:
        assert may_remind(replace(sent, status=status), NOW) == (status in LIVE)


def test_only_a_verification_of_the_present_generation_made_in_time_verifies() -> None:
    sent = invitation()
    assert is_verifiable(sent, 1, sent.expires_at)
    assert is_verifiable(replace(sent, status=InvitationStatus.EXPIRED), 1, sent.expires_at)
    assert not is_verifiable(sent, 1, sent.expires_at + SECOND)
    assert not is_verifiable(sent, 2, NOW)
    assert not is_verifiable(sent, 0, NOW)
    verified = invitation(verified=True)
    assert not is_verifiable(verified, 1, NOW)
    assert not is_verifiable(replace(verified, status=InvitationStatus.AWAITING_VERIFICATION), 1, NOW)


def test_a_refusal_states_the_first_reason_that_holds() -> None:
    sent = invitation(verified=True)
    late = sent.expires_at + SECOND
    used = replace(sent, accepted_at=NOW)
    withdrawn = replace(used, status=InvitationStatus.WITHDRAWN)
    blocked = replace(used, status=InvitationStatus.BLOCKED)
    assert refusal_reason(sent, 1, late) is RefusalReason.EXPIRED
    assert refusal_reason(sent, 1, sent.expires_at) is RefusalReason.REPLACED
    assert refusal_reason(used, 1, late) is RefusalReason.USED
    assert refusal_reason(withdrawn, 1, late) is RefusalReason.WITHDRAWN
    assert refusal_reason(blocked, 1, late) is RefusalReason.NO_ACCESS
    assert refusal_reason(replace(sent, status=InvitationStatus.DECLINED), 1, NOW) is RefusalReason.NO_ACCESS
    assert refusal_reason(blocked, 0, late) is RefusalReason.REPLACED
    assert refusal_reason(blocked, 2, late) is RefusalReason.REPLACED

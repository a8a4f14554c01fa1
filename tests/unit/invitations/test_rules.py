"""Who may be invited, and why not."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from services.invitations.domain.models import Usage
from services.invitations.domain.rules import Family, Go, Wish, choose_contact, contact_gone, decide
from services.invitations.domain.states import Channel, Delivery, InvitationStatus, Origin
from tests.unit.invitations.values import DAY, LIMITS, NOW, SCHOOL, email, family, invited, may, parent

STAFF, BULK, ASKED, ADDED = (Wish(one) for one in (Origin.STAFF, Origin.BULK, Origin.PARENT, Origin.ADDED))


def after_first() -> Family:
    about = family()
    return replace(about, invitation=invited(about).invitation)


@pytest.mark.parametrize("wish", [STAFF, BULK, ADDED])
def test_p1_p18_p19_a_parent_who_was_never_invited_may_be(wish: Wish) -> None:
    assert may(family(), wish) == "go"


@pytest.mark.parametrize("wish", [STAFF, BULK, ASKED, ADDED])
def test_s2_who_signed_up_declined_or_may_see_no_child_is_passed_over(wish: Wish) -> None:
    about = after_first()
    assert about.invitation
    for status in (InvitationStatus.SIGNED_UP, InvitationStatus.DECLINED):
        assert may(replace(about, invitation=replace(about.invitation, status=status)), wish) == status.value
    assert may(replace(about, parent=replace(about.parent, has_access=False)), wish) == "restricted"
    assert may(replace(about, parent=replace(about.parent, removed=True)), wish) == "removed"


def test_p14_re_invite_is_no_longer_possible_after_sign_up() -> None:
    about = after_first()
    assert about.invitation
    done = replace(about.invitation, status=InvitationStatus.SIGNED_UP)
    assert may(replace(about, invitation=done), STAFF, NOW + 30 * DAY) == "signed_up"


def test_c12_issued_credentials_must_exist_before_a_first_invitation() -> None:
    about = replace(family(), school=replace(SCHOOL, credentials_mode="issued"))
    assert may(about, STAFF) == "no_credentials"
    assert may(about, BULK) == "no_credentials"


def test_a_parent_without_an_address_for_the_channel_is_passed_over() -> None:
    about = Family(parent(), SCHOOL, None)
    assert may(about, STAFF) == "no_contact"
    assert may(family(), Wish(Origin.BULK, Channel.SMS)) == "no_contact"
    assert may(family(), Wish(Origin.STAFF, Channel.EMAIL, uuid4())) == "no_contact"


def test_the_cool_down_holds_for_runs_and_parents_not_for_staff() -> None:
    about = after_first()
    soon, then = NOW + timedelta(hours=23), NOW + DAY
    assert [may(about, wish, soon) for wish in (BULK, ASKED, ADDED)] == ["cool_down"] * 3
    assert [may(about, wish, then) for wish in (BULK, ASKED, ADDED)] == ["go"] * 3
    assert may(about, STAFF, NOW + timedelta(seconds=1)) == "go"


def test_p4_a_parent_whose_week_is_over_may_ask_for_a_fresh_link_at_once() -> None:
    about = after_first()
    assert about.invitation
    over = replace(about.invitation, status=InvitationStatus.EXPIRED, last_message_at=NOW)
    assert may(replace(about, invitation=over), ASKED, NOW + timedelta(minutes=5)) == "go"
    assert may(replace(about, invitation=over), BULK, NOW + timedelta(minutes=5)) == "cool_down"


def test_staff_re_invite_at_most_once_a_minute() -> None:
    about = after_first()
    again = replace(about, invitation=invited(about, now=NOW + timedelta(seconds=5)).invitation)
    assert may(again, STAFF, NOW + timedelta(seconds=64)) == "too_soon"
    assert may(again, STAFF, NOW + timedelta(seconds=65)) == "go"


def test_ten_messages_per_contact_until_the_address_changes_or_a_reason_is_given() -> None:
    contact = email()
    about = family(contact)
    full = Usage(about.parent.parent_id, contact.contact_id, contact.address_digest, messages=10)
    assert may(replace(about, usages=(full,)), STAFF) == "message_cap"
    assert may(replace(about, usages=(full,)), Wish(Origin.STAFF, override_reason="She asked.")) == "go"
    assert may(replace(about, usages=(replace(full, messages=9),)), STAFF) == "go"
    other = replace(contact, address="new@example.org")
    assert may(Family(parent(other), SCHOOL, None, (full,)), STAFF) == "go"


def test_s3_an_address_that_was_proved_here_or_by_the_roster_needs_no_second_proof() -> None:
    contact = email()
    about = family(contact)
    proved = Usage(about.parent.parent_id, contact.contact_id, contact.address_digest, 1, NOW)
    for one in (replace(about, usages=(proved,)), family(email(verified=True))):
        decision = decide(one, STAFF, LIMITS, NOW)
        assert isinstance(decision, Go)
        assert decision.verified
    changed = Family(parent(replace(contact, address="new@example.org")), SCHOOL, None, (proved,))
    decision = decide(changed, STAFF, LIMITS, NOW)
    assert isinstance(decision, Go)
    assert not decision.verified


def test_a_suppressed_address_is_opted_out_for_runs_only() -> None:
    about = after_first()
    assert about.invitation
    silent = replace(about, invitation=replace(about.invitation, delivery=Delivery.SUPPRESSED))
    assert may(silent, BULK, NOW + 2 * DAY) == "opted_out"
    assert may(silent, STAFF, NOW + 2 * DAY) == "go"


def test_the_preferred_contact_is_chosen_and_a_fresh_link_goes_where_the_old_one_went() -> None:
    second, preferred = email("b@example.org", preferred=False), email("a@example.org")
    about = family(second, preferred)
    assert choose_contact(about.parent, Channel.EMAIL) is preferred
    sent_to_second = replace(about, invitation=invited(about).invitation)
    decision = decide(sent_to_second, ASKED, LIMITS, NOW + 2 * DAY)
    assert isinstance(decision, Go)
    assert decision.contact is second


def test_s6_a_changed_address_is_noticed_and_a_new_spelling_is_not() -> None:
    contact = email("Ada@Example.org")
    about = family(contact)
    sent = invited(about).invitation
    assert not contact_gone(sent, parent(replace(contact, address=" ada@example.org")))
    assert contact_gone(sent, parent(replace(contact, address="eve@example.org")))
    assert contact_gone(sent, parent())

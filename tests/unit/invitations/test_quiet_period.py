"""Quiet hours: nothing is sent to phones in them, in the school's time zone, and nothing is lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from uuid import uuid4

import pytest

from services.invitations.domain import transitions
from services.invitations.domain.models import Origin, Transition
from services.invitations.domain.rules import QuietPeriod
from services.invitations.domain.transitions import Target, start_generation
from shared.contracts.quiet_hours import QuietHours
from shared.contracts.values import Channel, Delivery, Template
from tests.unit.invitations.builders import DAY, SCHOOL, email, inputs, invite, invitee, present

QUIET = QuietPeriod(SCHOOL)
EVENING = datetime(2030, 9, 2, 19, 30, tzinfo=UTC)
QUIET_END = datetime(2030, 9, 3, 6, 0, tzinfo=UTC)
NO_HOURS = QuietHours(time(0), time(0))


@pytest.mark.parametrize(
    ("now", "ends"),
    [
        ("2030-09-02T17:59:59Z", None),
        ("2030-09-02T18:00:00Z", "2030-09-03T06:00:00Z"),
        ("2030-09-02T23:30:00Z", "2030-09-03T06:00:00Z"),
        ("2030-09-03T05:59:59Z", "2030-09-03T06:00:00Z"),
        ("2030-09-03T06:00:00Z", None),
        ("2030-12-31T22:00:00Z", "2031-01-01T07:00:00Z"),
        ("2030-03-30T22:00:00Z", "2030-03-31T06:00:00Z"),
        ("2030-10-26T22:00:00Z", "2030-10-27T07:00:00Z"),
    ],
)
@pytest.mark.parametrize("channel", [Channel.SMS, Channel.WHATSAPP])
def test_the_quiet_hours_are_the_schools_own(now: str, ends: str | None, channel: Channel) -> None:
    expected = None if ends is None else datetime.fromisoformat(ends)
    assert QUIET.end_after(channel, datetime.fromisoformat(now)) == expected


def test_emails_are_sent_at_any_hour() -> None:
    assert QUIET.end_after(Channel.EMAIL, EVENING) is None
    assert QUIET.hours_for(Channel.EMAIL) is None
    assert QUIET.hours_for(Channel.SMS) == SCHOOL.quiet


def test_hours_by_day_equal_ones_and_those_of_the_installation() -> None:
    noon = QuietPeriod(SCHOOL, QuietHours(time(12), time(14)))
    at = datetime(2030, 9, 2, 11, tzinfo=UTC)
    assert noon.end_after(Channel.SMS, at) == at + timedelta(hours=1)
    assert noon.end_after(Channel.SMS, EVENING) is None
    assert QuietPeriod(SCHOOL, NO_HOURS).end_after(Channel.SMS, EVENING) is None
    assert QuietPeriod(SCHOOL, NO_HOURS).hours_for(Channel.SMS) is None
    unknown_zone = QuietPeriod(replace(SCHOOL, timezone="Mars/Olympus"))
    assert unknown_zone.end_after(Channel.SMS, EVENING) is None
    assert unknown_zone.end_after(Channel.SMS, EVENING + DAY / 24) is not None


@pytest.mark.parametrize("origin", list(Origin))
def test_only_a_parent_who_requests_a_link_gets_it_in_quiet_hours(origin: Origin) -> None:
    send_at = QUIET.send_at(Channel.SMS, origin, EVENING)
    assert send_at == (None if origin is Origin.PARENT else QUIET_END)


def _invite_by_sms(send_at: datetime | None = QUIET_END) -> Transition:
    candidate = invitee()
    target = Target(
        uuid4(),
        candidate.parent.parent_id,
        SCHOOL,
        email(),
        Channel.SMS,
        verified=False,
        origin=Origin.STAFF,
        send_at=send_at,
    )
    return start_generation(None, target, inputs(EVENING))


def test_the_validity_period_begins_at_the_end_of_quiet_hours() -> None:
    deferred = _invite_by_sms()
    invitation = deferred.invitation
    assert (deferred.send, invitation.delivery, invitation.send_at) == (None, Delivery.DEFERRED, QUIET_END)
    assert invitation.expires_at == QUIET_END + 7 * DAY
    assert invitation.next_reminder_at == QUIET_END + 3 * DAY
    assert invitation.delivery_reason == transitions.QUIET_REASON
    sent = transitions.send_deferred(invitation, QUIET_END)
    assert (sent.send, sent.events, sent.invitation.send_at) == (Template.VERIFY, (), None)
    assert (sent.invitation.delivery, sent.invitation.delivery_reason) == (Delivery.QUEUED, None)
    assert sent.invitation.message_id == invitation.message_id
    assert sent.invitation.last_message_at == QUIET_END


def test_what_ends_the_link_ends_the_deferral() -> None:
    invitation = _invite_by_sms().invitation
    for ended in (transitions.withdraw(invitation), transitions.block(invitation, "removed")):
        assert ended is not None
        assert ended.invitation.send_at is None
    assert transitions.verify(invitation, SCHOOL, inputs(EVENING)).invitation.send_at is None
    assert _invite_by_sms(None).send is Template.VERIFY


def test_a_reminder_is_deferred_until_the_end_of_quiet_hours_if_the_link_lives_so_long() -> None:
    invitation = _invite_by_sms(None).invitation
    assert transitions.defer_reminder(invitation, QUIET_END).invitation.next_reminder_at == QUIET_END
    for late in (invitation.expires_at, invitation.expires_at + DAY):
        assert transitions.defer_reminder(invitation, late).invitation.next_reminder_at is None


def test_a_deferral_is_extended_or_cancelled() -> None:
    invitation = _invite_by_sms().invitation
    extended = transitions.extend_deferral(invitation, QUIET_END + DAY)
    assert extended == Transition(replace(invitation, send_at=QUIET_END + DAY))
    cancelled = transitions.cancel_deferred(invitation)
    assert cancelled == Transition(replace(invitation, send_at=None))


def test_only_what_ends_a_deferred_message_replaces_it() -> None:
    candidate = invitee()
    first = invite(candidate, send_at=QUIET_END)
    deferred = replace(candidate, invitation=first.invitation)
    assert (first.may_replace_deferred, first.cancels_deferred) == (False, False)
    assert first.current_message_id == first.invitation.message_id
    again = invite(deferred)
    assert (again.may_replace_deferred, again.cancels_deferred) == (True, False)
    assert again.current_message_id == again.invitation.message_id
    verified_again = invite(deferred, verified=True)
    assert verified_again.may_replace_deferred
    withdrawn = transitions.withdraw(present(deferred))
    assert withdrawn is not None
    assert (withdrawn.may_replace_deferred, withdrawn.cancels_deferred) == (True, True)
    assert withdrawn.current_message_id is None
    sent = transitions.send_deferred(present(deferred), QUIET_END)
    assert (sent.may_replace_deferred, sent.cancels_deferred) == (False, False)
    released = replace(present(deferred), send_at=None, generation=2)
    assert not Transition(replace(released, delivery=Delivery.SENT)).may_replace_deferred
    assert not Transition(released, send=Template.VERIFY).cancels_deferred

"""Quiet hours: phones are left alone at night, in the school's time zone, and nothing is dropped."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from uuid import uuid4

import pytest

from services.invitations.domain import transitions
from services.invitations.domain.models import QuietHours, Transition
from services.invitations.domain.quiet import Night, held_until
from services.invitations.domain.states import Channel, Delivery, Origin, Template
from services.invitations.domain.transitions import Target, start
from tests.unit.invitations.values import DAY, SCHOOL, email, family, stamp

NIGHT = Night(SCHOOL)
EVENING = datetime(2030, 9, 2, 19, 30, tzinfo=UTC)
MORNING = datetime(2030, 9, 3, 6, 0, tzinfo=UTC)


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
def test_the_night_is_the_schools_own(now: str, ends: str | None, channel: Channel) -> None:
    expected = None if ends is None else datetime.fromisoformat(ends)
    assert NIGHT.ends(channel, datetime.fromisoformat(now)) == expected


def test_mails_wake_nobody() -> None:
    assert NIGHT.ends(Channel.EMAIL, EVENING) is None


def test_hours_by_day_equal_ones_and_those_of_the_installation() -> None:
    noon = Night(SCHOOL, QuietHours(time(12), time(14)))
    at = datetime(2030, 9, 2, 11, tzinfo=UTC)
    assert noon.ends(Channel.SMS, at) == at + timedelta(hours=1)
    assert noon.ends(Channel.SMS, EVENING) is None
    assert Night(SCHOOL, QuietHours(time(0), time(0))).ends(Channel.SMS, EVENING) is None
    assert Night(replace(SCHOOL, timezone="Mars/Olympus")).ends(Channel.SMS, EVENING) is None
    assert Night(replace(SCHOOL, timezone="Mars/Olympus")).ends(Channel.SMS, EVENING + DAY / 24) is not None


@pytest.mark.parametrize("origin", list(Origin))
def test_only_who_asks_for_a_link_gets_it_at_night(origin: Origin) -> None:
    held = held_until(NIGHT, Channel.SMS, origin, EVENING)
    assert held == (None if origin is Origin.PARENT else MORNING)


def _held(send_at: datetime | None = MORNING) -> Transition:
    about = family()
    target = Target(
        uuid4(), about.parent.parent_id, SCHOOL, email(), Channel.SMS, verified=False, origin=Origin.STAFF
    )
    return start(None, replace(target, send_at=send_at), stamp(EVENING))


def test_the_week_begins_in_the_morning() -> None:
    held = _held()
    invitation = held.invitation
    assert (held.send, invitation.delivery, invitation.send_at) == (None, Delivery.DEFERRED, MORNING)
    assert invitation.expires_at == MORNING + 7 * DAY
    assert invitation.next_reminder_at == MORNING + 3 * DAY
    assert invitation.delivery_reason == transitions.QUIET_REASON
    sent = transitions.release(invitation, MORNING)
    assert (sent.send, sent.facts, sent.invitation.send_at) == (Template.VERIFY, (), None)
    assert (sent.invitation.delivery, sent.invitation.delivery_reason) == (Delivery.QUEUED, None)
    assert sent.invitation.message_id == invitation.message_id


def test_what_ends_the_link_ends_the_waiting() -> None:
    invitation = _held().invitation
    for ended in (transitions.withdraw(invitation), transitions.block(invitation, "removed")):
        assert ended is not None
        assert ended.invitation.send_at is None
    assert transitions.verify(invitation, SCHOOL, stamp(EVENING)).invitation.send_at is None
    assert _held(None).send is Template.VERIFY


def test_a_reminder_is_held_until_the_morning_if_the_week_lasts_so_long() -> None:
    invitation = _held(None).invitation
    assert transitions.hold(invitation, MORNING).invitation.next_reminder_at == MORNING
    late = invitation.expires_at + DAY
    assert transitions.hold(invitation, late).invitation.next_reminder_at is None

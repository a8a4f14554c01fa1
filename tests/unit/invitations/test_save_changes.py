"""Mapping of changes to events, commands and timeline entries."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from services.invitations.domain import transitions
from services.invitations.domain.models import EventKind, Submission, Transition
from services.invitations.use_cases.accept_sign_up import answer_unaccepted
from services.invitations.use_cases.save_changes import (
    Addressee,
    Change,
    expired_event,
    outbox_messages,
    refuse,
    timeline_entries,
)
from services.invitations.use_cases.verify_contact import answer_verification
from shared.contracts import invitations as events
from shared.contracts.message import Message
from shared.contracts.notifier import SendMessage
from shared.contracts.values import InvitationStatus, RefusalReason
from tests.unit.invitations.builders import (
    DAY,
    NOW,
    SCHOOL,
    expiry_window,
    inputs,
    invitation,
    invite,
    invited,
    invitee,
    policy,
    present,
)

CONTRACTS: dict[EventKind, type[Message]] = {
    EventKind.VERIFICATION_REQUESTED: events.VerificationRequested,
    EventKind.CONTACT_VERIFIED: events.ContactVerified,
    EventKind.ISSUED: events.InvitationIssued,
    EventKind.ACCEPTED: events.InvitationAccepted,
    EventKind.REFUSED: events.InvitationRefused,
    EventKind.EXPIRED: events.InvitationExpired,
    EventKind.WITHDRAWN: events.InvitationWithdrawn,
    EventKind.BLOCKED: events.InvitationBlocked,
}


def submission(generation: int = 1) -> Submission:
    return Submission(uuid4(), uuid4(), generation, NOW)


@pytest.mark.parametrize("kind", list(EventKind))
def test_every_kind_of_event_has_its_contract(kind: EventKind) -> None:
    state = invitation()
    change = Change(
        Transition(state, (kind,)),
        actor="staff:1",
        submission_id=uuid4(),
        refusal=RefusalReason.USED if kind is EventKind.REFUSED else None,
    )
    (message,) = outbox_messages(change, NOW)
    assert isinstance(message.data, CONTRACTS[kind])
    assert (message.school_id, message.version, message.actor) == (state.school_id, state.version, "staff:1")
    assert message.data.model_dump()["invitation_id"] == state.invitation_id


def test_a_change_emits_its_events_with_consecutive_versions_and_then_the_command() -> None:
    candidate = invited()
    transition = transitions.verify(present(candidate), SCHOOL, inputs(NOW + DAY))
    change = Change(transition, to=Addressee(candidate.parent, candidate.parent.contacts[0], SCHOOL))
    verified, issued, command = outbox_messages(change, NOW + DAY)
    assert (verified.version, issued.version) == (2, 3)
    assert isinstance(verified.data, events.ContactVerified)
    assert verified.data.verified_at == NOW + DAY
    assert isinstance(command.data, SendMessage)
    assert command.data.recipient.address == candidate.parent.contacts[0].address
    assert (command.data.template, command.data.language) == ("invite", "en")
    assert (command.data.quiet_from, command.data.quiet_until) == (None, None)


def test_a_message_to_a_phone_carries_the_quiet_hours_and_the_schools_language() -> None:
    candidate = invitee()
    parent = replace(candidate.parent, language=None)
    to = Addressee(parent, parent.contacts[0], SCHOOL, SCHOOL.quiet)
    *_, command = outbox_messages(Change(invite(candidate), to=to), NOW)
    assert isinstance(command.data, SendMessage)
    assert command.data.language == SCHOOL.language
    assert (command.data.quiet_from, command.data.quiet_until) == (SCHOOL.quiet.begin, SCHOOL.quiet.end)


def test_an_answer_without_its_submission_is_a_bug() -> None:
    with pytest.raises(ValueError, match="lacks"):
        list(outbox_messages(Change(Transition(invitation(), (EventKind.ACCEPTED,))), NOW))


def test_the_timeline_has_an_entry_per_event_and_one_for_a_reminder() -> None:
    first = Change(invite(invitee()), actor="staff:1", detail="staff")
    (entry,) = timeline_entries(first)
    assert (entry.event, entry.detail, entry.actor) == ("verification_requested", "staff", "staff:1")
    assert first.is_sent_first
    reminder = Change(transitions.remind(invitation(), SCHOOL, inputs(NOW + 3 * DAY), DAY))
    assert [entry.event for entry in timeline_entries(reminder)] == ["reminder_sent"]
    assert not reminder.is_sent_first
    assert list(timeline_entries(replace(first, repeated=True))) == []


def test_a_deferred_first_invitation_is_not_sent_with_its_row() -> None:
    assert not Change(invite(invitee(), send_at=NOW + DAY)).is_sent_first


def test_an_expired_invitation_is_announced_with_the_end_of_its_validity_period() -> None:
    window = expiry_window()
    event = expired_event(window)
    assert (event.expired_at, event.generation) == (window.expires_at, window.generation)


def test_a_refusal_keeps_the_state_and_states_its_reason_in_the_timeline() -> None:
    state = invitation()
    change = refuse(state, submission(), RefusalReason.WITHDRAWN)
    assert change.invitation == replace(state, version=state.version + 1)
    assert [entry.detail for entry in timeline_entries(change)] == ["withdrawn"]


def test_a_verification_in_time_sends_the_invitation_and_any_other_is_refused() -> None:
    candidate = invited()
    state, parent_and_school = present(candidate), (candidate.parent, SCHOOL)
    verified = answer_verification(policy(), submission(), state, parent_and_school, NOW)
    assert EventKind.CONTACT_VERIFIED in verified.transition.events
    used = answer_verification(policy(), submission(), verified.invitation, parent_and_school, NOW)
    assert used.refusal is RefusalReason.USED
    replaced = answer_verification(policy(), submission(7), verified.invitation, parent_and_school, NOW)
    assert replaced.refusal is RefusalReason.REPLACED
    removed = (replace(candidate.parent, removed=True), SCHOOL)
    assert answer_verification(policy(), submission(), state, removed, NOW).refusal is RefusalReason.REPLACED


def test_a_sign_up_that_was_accepted_is_accepted_again_and_any_other_is_refused() -> None:
    first = submission()
    accepted = replace(
        invitation(verified=True),
        status=InvitationStatus.SIGNED_UP,
        accepted_at=NOW,
        submission_id=first.submission_id,
    )
    again = answer_unaccepted(accepted, first)
    assert (again.transition.events, again.repeated) == ((EventKind.ACCEPTED,), True)
    assert answer_unaccepted(accepted, submission()).refusal is RefusalReason.USED
    blocked = replace(accepted, status=InvitationStatus.BLOCKED)
    assert answer_unaccepted(blocked, first).refusal is RefusalReason.NO_ACCESS
    expired = replace(invitation(verified=True), expires_at=NOW - timedelta(seconds=1))
    assert answer_unaccepted(expired, submission()).refusal is RefusalReason.EXPIRED

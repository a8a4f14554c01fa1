"""Decoding of inbound events."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.signup.consumers import subscriptions
from services.signup.domain.links import InvitationState, Purpose, Refusal
from services.signup.domain.personal_words import hide_words, split_address, split_words
from services.signup.domain.replicas import Invitation, IssuedLink, Parent, School, Student
from services.signup.use_cases import apply_decisions, save_replicas
from shared.contracts import invitations, roster
from shared.contracts.envelope import Attributes, Received
from shared.contracts.message import Message
from shared.contracts.values import RefusalReason
from shared.runtime.messaging import Handler
from tests.unit.signup.memory_storage import NOW, MemoryTransaction

SCHOOL, PARENT, STUDENT, INVITATION, SUBMISSION, CONTACT = (UUID(int=number) for number in range(1, 7))
COMMON: dict[str, Any] = {"invitation_id": INVITATION, "parent_id": PARENT, "generation": 3}
LINK: dict[str, Any] = {
    **COMMON,
    "channel": "email",
    "contact_id": CONTACT,
    "message_id": uuid4(),
    "token_digest": "5e" * 32,
    "expires_at": NOW,
}
ISSUED = IssuedLink("5e" * 32, INVITATION, 3, NOW)
DETAILS = roster.ParentDetails(
    name="Ada Example",
    language="de",
    contacts=(
        roster.Contact(contact_id=CONTACT, kind="email", address="ada@mail.example"),
        roster.Contact(contact_id=CONTACT, kind="phone", address="+4915112345678"),
    ),
)
NAME_WORDS = hide_words(split_words("Ada Example"), str(PARENT))
ADDRESS_WORDS = hide_words(split_address("ada@mail.example"), str(PARENT))


def _invitation(state: InvitationState) -> Invitation:
    return Invitation(INVITATION, SCHOOL, PARENT, 5, 3, state)


EVENTS: list[tuple[Message, str, tuple[Any, ...]]] = [
    (
        roster.SchoolRegistered(
            school_id=SCHOOL,
            school=roster.School(name="Elm Grove", country="GB", language="en", timezone="Europe/London"),
        ),
        "save_schools",
        ([School(SCHOOL, 5, "Elm Grove", "en")],),
    ),
    (
        roster.StudentAdded(
            student_id=STUDENT, student=roster.StudentDetails(name="Mia Example", class_name="3b")
        ),
        "save_students",
        ([Student(STUDENT, SCHOOL, 5, "Mia Example", "3b")],),
    ),
    (
        roster.StudentRemoved(student_id=STUDENT),
        "save_students",
        ([Student(STUDENT, SCHOOL, 5, removed=True)],),
    ),
    (
        roster.ParentAdded(
            parent_id=PARENT,
            parent=DETAILS,
            children=(
                roster.ChildLink(student_id=STUDENT),
                roster.ChildLink(student_id=STUDENT),
                roster.ChildLink(student_id=CONTACT, rights="none"),
            ),
        ),
        "save_parents",
        ([Parent(PARENT, SCHOOL, 5, "de", (STUDENT,), NAME_WORDS, ADDRESS_WORDS)],),
    ),
    (
        roster.ParentRemoved(parent_id=PARENT),
        "save_parents",
        ([Parent(PARENT, SCHOOL, 5, removed=True)],),
    ),
    (
        invitations.VerificationRequested(**LINK),
        "save_issued_links",
        (Purpose.VERIFY, [_invitation(InvitationState.AWAITING_VERIFICATION)], [ISSUED]),
    ),
    (
        invitations.InvitationIssued(**LINK),
        "save_issued_links",
        (Purpose.JOIN, [_invitation(InvitationState.INVITED)], [ISSUED]),
    ),
    (
        invitations.ContactVerified(**COMMON, contact_id=CONTACT, verified_at=NOW),
        "accept_verifications",
        ([_invitation(InvitationState.VERIFIED)],),
    ),
    (
        invitations.InvitationAccepted(**COMMON, submission_id=SUBMISSION, accepted_at=NOW),
        "complete_sign_ups",
        ([_invitation(InvitationState.SIGNED_UP)], [SUBMISSION]),
    ),
    (
        invitations.InvitationRefused(**COMMON, submission_id=SUBMISSION, reason="used"),
        "refuse_submissions",
        ([Refusal(SUBMISSION, RefusalReason.USED)],),
    ),
    (
        invitations.InvitationExpired(**COMMON, expired_at=NOW),
        "save_invitations",
        ([_invitation(InvitationState.EXPIRED)],),
    ),
    (
        invitations.InvitationWithdrawn(**COMMON, withdrawn_at=NOW),
        "save_invitations",
        ([_invitation(InvitationState.WITHDRAWN)],),
    ),
    (
        invitations.InvitationBlocked(**COMMON, reason="no right of access is left"),
        "save_invitations",
        ([_invitation(InvitationState.BLOCKED)],),
    ),
]


@pytest.mark.parametrize(
    ("event", "use_case", "arguments"),
    EVENTS,
    ids=lambda value: type(value).__name__ if isinstance(value, Message) else "",
)
async def test_an_event_becomes_values_of_signup(
    monkeypatch: pytest.MonkeyPatch, event: Message, use_case: str, arguments: tuple[Any, ...]
) -> None:
    calls: list[tuple[Any, ...]] = []

    async def record(_: object, *values: Any) -> None:
        calls.append(values)

    module = save_replicas if hasattr(save_replicas, use_case) else apply_decisions
    monkeypatch.setattr(module, use_case, record)
    await _handlers()[type(event)](MemoryTransaction(), [_receive(event)])
    assert calls == [arguments]


def test_committed_decisions_are_announced() -> None:
    def wake() -> None:
        pass

    callbacks = {
        subscription.group: subscription.after_commit for subscription in subscriptions(on_decisions=wake)
    }
    assert callbacks == {"signup.on-roster": None, "signup.on-invitations": wake}


def _handlers() -> Mapping[type[Message], Handler]:
    return {
        event_class: handler
        for subscription in subscriptions()
        for event_class, handler in subscription.handlers.items()
    }


def _receive(event: Message) -> Received[Message]:
    attributes = Attributes(
        id=str(uuid4()),
        source="/kinvite/test",
        type=event.contract.type,
        subject=event.key,
        school_id=SCHOOL,
        version=5,
        time=datetime(2026, 3, 2, tzinfo=UTC),
    )
    return Received(event, attributes)

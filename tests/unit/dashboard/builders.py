"""Events about one parent record, as the source services emit them, for tests of the projection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4, uuid5

from shared.contracts.envelope import Attributes, Received
from shared.contracts.invitations import (
    ContactVerified,
    InvitationAccepted,
    InvitationIssued,
    InvitationRefused,
    VerificationRequested,
)
from shared.contracts.message import Message
from shared.contracts.notifier import MessageDelivered, MessageFailed, MessageSent
from shared.contracts.roster import (
    ChildLink,
    Contact,
    ParentAccessChanged,
    ParentAdded,
    ParentContactChanged,
    ParentDetails,
    ParentRenamed,
    School,
    SchoolRegistered,
    StudentAdded,
    StudentDetails,
)
from shared.contracts.signup import SignedUp

START = datetime(2026, 11, 20, 9, tzinfo=UTC)
VALIDITY_PERIOD = timedelta(days=7)


def receive(
    message: Message, school_id: UUID, version: int, at: datetime = START, actor: str | None = None
) -> Received[Message]:
    """Return the message with attributes, as a consumer's handler gets it."""
    identity = uuid5(school_id, f"{message.contract.type}/{message.key}/{version}")
    attributes = Attributes(
        id=str(identity),
        source=f"/kinvite/{message.contract.topic.owner}",
        type=message.contract.type,
        subject=message.key,
        school_id=school_id,
        version=version,
        time=at,
        actor=actor,
    )
    return Received(message, attributes)


@dataclass(frozen=True)
class Story:
    """Parent with one child who is invited, re-invited after a failed message, and signs up."""

    name: str = "Amal Haddad"
    child: str = "Yara Haddad"
    address: str = "amal@example.org"
    school_id: UUID = field(default_factory=uuid4)
    parent_id: UUID = field(default_factory=uuid4)
    student_id: UUID = field(default_factory=uuid4)
    invitation_id: UUID = field(default_factory=uuid4)
    contact_id: UUID = field(default_factory=uuid4)
    messages: tuple[UUID, UUID, UUID] = field(default_factory=lambda: (uuid4(), uuid4(), uuid4()))

    def roster(self) -> Sequence[Received[Message]]:
        """Return the events of roster: a student, and a parent who is linked, corrected and renamed."""
        contact = Contact(contact_id=self.contact_id, kind="email", address=self.address, preferred=True)
        old = contact.model_copy(update={"address": "typo@example.org"})
        link = (ChildLink(student_id=self.student_id, relation="mother"),)
        first = ParentDetails(name="A. Haddad", contacts=(old,))
        second = ParentDetails(name="A. Haddad", contacts=(contact,))
        last = ParentDetails(name=self.name, contacts=(contact,))
        student = StudentDetails(name=self.child, number="17", class_name="4b")
        parent_id = self.parent_id
        return [
            self.event(StudentAdded(student_id=self.student_id, student=student), 1, 0),
            self.event(ParentAdded(parent_id=parent_id, parent=first), 1, 0, "staff:x"),
            self.event(ParentAccessChanged(parent_id=parent_id, parent=first, children=link), 2, 1),
            self.event(ParentContactChanged(parent_id=parent_id, parent=second, children=link), 3, 2),
            self.event(ParentRenamed(parent_id=parent_id, parent=last, children=link), 4, 3),
        ]

    def invitations(self) -> Sequence[Received[Message]]:
        """Return the events of invitations, from the first verification to the acceptance."""
        common = {"invitation_id": self.invitation_id, "parent_id": self.parent_id}
        link = {"channel": "email", "contact_id": self.contact_id, "token_digest": "0" * 64}
        first, second, third = self.messages
        expires_at = START + VALIDITY_PERIOD
        verify = {**common, **link, "expires_at": expires_at}
        later = {**common, **link, "expires_at": expires_at + timedelta(hours=1), "generation": 2}
        submission = {**common, "generation": 2, "submission_id": uuid5(self.invitation_id, "submission")}
        confirmed = {**common, "generation": 2, "contact_id": self.contact_id, "verified_at": START}
        return [
            self.event(
                VerificationRequested.model_validate({**verify, "generation": 1, "message_id": first}), 1, 10
            ),
            self.event(
                VerificationRequested.model_validate({**later, "message_id": second}), 2, 20, "staff:x"
            ),
            self.event(ContactVerified.model_validate(confirmed), 3, 30),
            self.event(InvitationIssued.model_validate({**later, "message_id": third}), 4, 30),
            self.event(InvitationRefused.model_validate({**submission, "reason": "replaced"}), 5, 35),
            self.event(InvitationAccepted.model_validate({**submission, "accepted_at": START}), 6, 40),
        ]

    def notifier(self) -> Sequence[Received[Message]]:
        """Return the delivery events of the three messages."""
        common = {"parent_id": self.parent_id, "invitation_id": self.invitation_id, "channel": "email"}
        first, second, third = ({**common, "message_id": message} for message in self.messages)
        verify = {**second, "generation": 2, "template": "verify"}
        invite = {**third, "generation": 2, "template": "invite"}
        bounce = {"failed_at": START, "permanent": True, "code": "550", "reason": "no such mailbox"}
        busy = {"failed_at": START, "permanent": False, "code": "451", "reason": "busy, try later"}
        old = {**first, "generation": 1, "template": "verify"}
        return [
            self.event(MessageFailed.model_validate({**old, **bounce}), 1, 12),
            self.event(MessageFailed.model_validate({**verify, **busy}), 1, 21),
            self.event(MessageSent.model_validate({**verify, "sent_at": START}), 2, 22),
            self.event(MessageSent.model_validate({**invite, "sent_at": START}), 1, 31),
            self.event(MessageDelivered.model_validate({**invite, "delivered_at": START}), 2, 32),
        ]

    def signup(self) -> Sequence[Received[Message]]:
        """Return the sign-up."""
        account = SignedUp(
            account_id=uuid5(self.parent_id, "account"),
            parent_id=self.parent_id,
            invitation_id=self.invitation_id,
            signed_up_at=START + timedelta(minutes=41),
        )
        return [self.event(account, 1, 41)]

    def school(self, name: str = "Oak Lane School") -> Received[Message]:
        """Return the registration of the school."""
        school = School(name=name, country="GB", language="en", timezone="Europe/London")
        return self.event(SchoolRegistered(school_id=self.school_id, school=school), 1, 0)

    def all(self) -> list[Received[Message]]:
        """Return all events but that of the school."""
        return [*self.roster(), *self.invitations(), *self.notifier(), *self.signup()]

    def event(
        self, message: Message, version: int, minutes: int, actor: str | None = None
    ) -> Received[Message]:
        """Return the message as an event of this school, some minutes after the start."""
        return receive(message, self.school_id, version, START + timedelta(minutes=minutes), actor)

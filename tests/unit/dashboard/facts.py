"""One family's facts, as the owners would tell them, for the tests of the projection."""

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

MORNING = datetime(2026, 11, 20, 9, tzinfo=UTC)
WEEK = timedelta(days=7)


def told(
    message: Message, school_id: UUID, version: int, at: datetime = MORNING, actor: str | None = None
) -> Received[Message]:
    """The message as a consumer's handler gets it."""
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
    """A family with one child that is invited, re-invited after a failure, and signs up."""

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
        contact = Contact(contact_id=self.contact_id, kind="email", address=self.address, preferred=True)
        old = contact.model_copy(update={"address": "typo@example.org"})
        link = (ChildLink(student_id=self.student_id, relation="mother"),)
        first = ParentDetails(name="A. Haddad", contacts=(old,))
        second = ParentDetails(name="A. Haddad", contacts=(contact,))
        last = ParentDetails(name=self.name, contacts=(contact,))
        student = StudentDetails(name=self.child, number="17", class_name="4b")
        here = self.parent_id
        return [
            self.fact(StudentAdded(student_id=self.student_id, student=student), 1, 0),
            self.fact(ParentAdded(parent_id=here, parent=first), 1, 0, "staff:x"),
            self.fact(ParentAccessChanged(parent_id=here, parent=first, children=link), 2, 1),
            self.fact(ParentContactChanged(parent_id=here, parent=second, children=link), 3, 2),
            self.fact(ParentRenamed(parent_id=here, parent=last, children=link), 4, 3),
        ]

    def invitations(self) -> Sequence[Received[Message]]:
        common = {"invitation_id": self.invitation_id, "parent_id": self.parent_id}
        link = {"channel": "email", "contact_id": self.contact_id, "token_digest": "0" * 64}
        first, second, third = self.messages
        week = MORNING + WEEK
        verify = {**common, **link, "expires_at": week}
        later = {**common, **link, "expires_at": week + timedelta(hours=1), "generation": 2}
        done = {**common, "generation": 2, "submission_id": uuid5(self.invitation_id, "submission")}
        confirmed = {**common, "generation": 2, "contact_id": self.contact_id, "verified_at": MORNING}
        return [
            self.fact(
                VerificationRequested.model_validate({**verify, "generation": 1, "message_id": first}), 1, 10
            ),
            self.fact(
                VerificationRequested.model_validate({**later, "message_id": second}), 2, 20, "staff:x"
            ),
            self.fact(ContactVerified.model_validate(confirmed), 3, 30),
            self.fact(InvitationIssued.model_validate({**later, "message_id": third}), 4, 30),
            self.fact(InvitationRefused.model_validate({**done, "reason": "replaced"}), 5, 35),
            self.fact(InvitationAccepted.model_validate({**done, "accepted_at": MORNING}), 6, 40),
        ]

    def notifier(self) -> Sequence[Received[Message]]:
        common = {"parent_id": self.parent_id, "invitation_id": self.invitation_id, "channel": "email"}
        first, second, third = ({**common, "message_id": message} for message in self.messages)
        verify = {**second, "generation": 2, "template": "verify"}
        invite = {**third, "generation": 2, "template": "invite"}
        bounce = {"failed_at": MORNING, "permanent": True, "code": "550", "reason": "no such mailbox"}
        busy = {"failed_at": MORNING, "permanent": False, "code": "451", "reason": "busy, try later"}
        old = {**first, "generation": 1, "template": "verify"}
        return [
            self.fact(MessageFailed.model_validate({**old, **bounce}), 1, 12),
            self.fact(MessageFailed.model_validate({**verify, **busy}), 1, 21),
            self.fact(MessageSent.model_validate({**verify, "sent_at": MORNING}), 2, 22),
            self.fact(MessageSent.model_validate({**invite, "sent_at": MORNING}), 1, 31),
            self.fact(MessageDelivered.model_validate({**invite, "delivered_at": MORNING}), 2, 32),
        ]

    def signup(self) -> Sequence[Received[Message]]:
        account = SignedUp(
            account_id=uuid5(self.parent_id, "account"),
            parent_id=self.parent_id,
            invitation_id=self.invitation_id,
            signed_up_at=MORNING + timedelta(minutes=41),
        )
        return [self.fact(account, 1, 41)]

    def school(self, name: str = "Oak Lane School") -> Received[Message]:
        school = School(name=name, country="GB", language="en", timezone="Europe/London")
        return self.fact(SchoolRegistered(school_id=self.school_id, school=school), 1, 0)

    def all(self) -> list[Received[Message]]:
        return [*self.roster(), *self.invitations(), *self.notifier(), *self.signup()]

    def fact(
        self, message: Message, version: int, minutes: int, actor: str | None = None
    ) -> Received[Message]:
        return told(message, self.school_id, version, MORNING + timedelta(minutes=minutes), actor)

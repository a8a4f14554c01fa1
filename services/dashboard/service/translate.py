"""Each fact as the registers of a family's row that it fills, and as its line of the timeline."""

import re
from datetime import datetime, timedelta
from functools import cache
from operator import attrgetter
from typing import NamedTuple, TypeAlias, TypeVar
from uuid import UUID

from services.dashboard.domain.family import (
    Account,
    Contact,
    Family,
    Link,
    Outcome,
    Person,
    Progress,
    Sending,
    Stage,
)
from services.dashboard.domain.status import Delivery, State
from services.dashboard.domain.timeline import Entry
from shared.contracts.envelope import Attributes, Received
from shared.contracts.invitations import (
    ContactVerified,
    InvitationAccepted,
    InvitationBlocked,
    InvitationExpired,
    InvitationIssued,
    InvitationRefused,
    InvitationWithdrawn,
    VerificationRequested,
)
from shared.contracts.message import Message, message_for
from shared.contracts.notifier import MessageDelivered, MessageFailed, MessageOutcomeUnknown, MessageSent
from shared.contracts.roster import (
    InvitationRequested,
    ParentAccessChanged,
    ParentAdded,
    ParentContactChanged,
    ParentRemoved,
    ParentRenamed,
    SiblingsLinked,
    SiblingsUnlinked,
)
from shared.contracts.signup import SignedUp

ParentFact: TypeAlias = ParentAdded | ParentRenamed | ParentContactChanged | ParentAccessChanged
LinkFact: TypeAlias = VerificationRequested | InvitationIssued
TurnFact: TypeAlias = (
    ContactVerified | InvitationAccepted | InvitationExpired | InvitationWithdrawn | InvitationBlocked
)
OutcomeFact: TypeAlias = MessageSent | MessageDelivered | MessageFailed | MessageOutcomeUnknown

P = TypeVar("P", bound=ParentFact)
L = TypeVar("L", bound=LinkFact)
T = TypeVar("T", bound=TurnFact)
X = TypeVar("X", bound=OutcomeFact)
S = TypeVar("S", bound=SiblingsLinked | SiblingsUnlinked)
M = TypeVar("M", bound=Message)

OPTED_OUT = "opted_out"
LONG_WAIT = timedelta(minutes=10)
STAGES = {
    "verify": Stage.VERIFY,
    "verify_reminder": Stage.VERIFY_REMINDER,
    "invite": Stage.INVITE,
    "invite_reminder": Stage.INVITE_REMINDER,
}


_of_contact = attrgetter(*Contact._fields)
_of_child = attrgetter(*Link._fields)


class Told(NamedTuple):
    """What one fact says of one family: registers, a line of the timeline, and its place in its aggregate."""

    family: Family
    entry: Entry
    aggregate_id: str
    version: int

    @property
    def placed(self) -> tuple[UUID, UUID, str, int, Entry]:
        """The line with its school, parent, aggregate and version."""
        return (self.family.school_id, self.family.parent_id, self.aggregate_id, self.version, self.entry)


def told(
    received: Received[M], parent_id: UUID, entry: Entry | None = None, family: Family | None = None
) -> Told:
    """A fact about a parent; without a `family` it fills no register."""
    return Told(
        family or Family(received.school_id, parent_id),
        entry or line_of(received),
        received.attributes.subject,
        received.attributes.version,
    )


def line_of(
    received: Received[M],
    *,
    channel: str | None = None,
    template: str | None = None,
    reason: str | None = None,
) -> Entry:
    """The timeline line named after the fact's class."""
    return Entry(kind_of(type(received.data)), received.time, channel, template, reason, received.actor)


@cache
def kind_of(message: type[Message]) -> str:
    """`ParentAdded` is `parent_added`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", message.__name__).lower()


def told_by_envelope(attributes: Attributes) -> Told | None:
    """The line of an old fact about a parent whose data is gone; None: there is no line for such a fact."""
    message = message_for(attributes.type)
    if message is None or message.contract.key != "parent_id":
        return None
    parent_id = UUID(attributes.subject)
    entry = Entry(kind_of(message), attributes.time, actor=attributes.actor)
    return Told(Family(attributes.school_id, parent_id), entry, attributes.subject, attributes.version)


def parent_fact(received: Received[P]) -> Told:
    fact = received.data
    person = Person(
        version=received.version,
        name=fact.parent.name,
        language=fact.parent.language,
        contacts=tuple(map(Contact._make, map(_of_contact, fact.parent.contacts))),
        links=tuple(map(Link._make, map(_of_child, fact.children))),
    )
    family = Family(received.school_id, fact.parent_id, person=person)
    return told(received, fact.parent_id, family=family)


def parent_removed(received: Received[ParentRemoved]) -> Told:
    """The name and the contacts are forgotten with the parent."""
    parent_id = received.data.parent_id
    family = Family(received.school_id, parent_id, person=Person(received.version, removed=True))
    return told(received, parent_id, family=family)


def invitation_requested(received: Received[InvitationRequested]) -> Told:
    return told(received, received.data.parent_id)


def siblings(received: Received[S]) -> list[Told]:
    """One line for every parent of the group; the children themselves come with the parents' own facts."""
    return [told(received, parent_id) for parent_id in received.data.parent_ids]


def link_fact(received: Received[L]) -> Told:
    """A message with a link is on its way: the state, the sending, and the message that now counts."""
    fact, at = received.data, received.time
    entry = line_of(received, channel=fact.channel)
    verify = isinstance(fact, VerificationRequested)
    state = State.AWAITING_VERIFICATION if verify else State.INVITED
    stage = Stage.VERIFY if verify else Stage.INVITE
    delivery = Delivery.DEFERRED if fact.send_at else Delivery.QUEUED
    family = Family(
        received.school_id,
        fact.parent_id,
        progress=Progress(received.version, state, at),
        sending=Sending(
            received.version, fact.generation, fact.channel, fact.contact_id, fact.expires_at, at
        ),
        outcome=Outcome(fact.generation, stage, fact.message_id, 0, delivery, fact.send_at or at),
    )
    if fact.send_at:
        entry = entry._replace(kind="verification_waits" if verify else "invitation_waits")
    return told(received, fact.parent_id, entry, family)


def turn(received: Received[T], state: State) -> Told:
    """The invitation took a turn without a message."""
    fact = received.data
    reason = fact.reason if isinstance(fact, InvitationBlocked) else None
    progress = Progress(received.version, state, received.time, reason)
    family = Family(received.school_id, fact.parent_id, progress=progress)
    return told(received, fact.parent_id, line_of(received, reason=reason), family)


def contact_verified(received: Received[ContactVerified]) -> Told:
    """A turn of the invitation, and something to remember of the contact."""
    turned = turn(received, State.VERIFIED)
    confirmed = frozenset({received.data.contact_id})
    return turned._replace(family=turned.family._replace(confirmed=confirmed))


def refused(received: Received[InvitationRefused]) -> Told:
    """A refused submission leaves the invitation as it was."""
    return told(received, received.data.parent_id, line_of(received, reason=received.data.reason))


def outcome(received: Received[X], delivery: Delivery) -> Told:
    """What became of one message; it shows only if no later message of the invitation exists."""
    fact = received.data
    reason = fact.reason if isinstance(fact, MessageFailed | MessageOutcomeUnknown) else None
    entry = line_of(received, channel=fact.channel, template=fact.template, reason=reason)
    if delivery is Delivery.FAILED_TEMPORARY:
        entry = entry._replace(kind="message_deferred")
    result = Outcome(
        fact.generation,
        STAGES[fact.template],
        fact.message_id,
        received.version,
        delivery,
        _shown_at(received, delivery),
        reason,
        fact.code if isinstance(fact, MessageFailed) else None,
    )
    family = Family(received.school_id, fact.parent_id, outcome=result)
    return told(received, fact.parent_id, entry, family)


def failed(received: Received[MessageFailed]) -> Told:
    """A failure for now, for good, or because the recipient wants no more."""
    fact = received.data
    if not fact.permanent:
        return outcome(received, Delivery.FAILED_TEMPORARY)
    return outcome(received, Delivery.SUPPRESSED if fact.code == OPTED_OUT else Delivery.FAILED_PERMANENT)


def _shown_at(received: Received[X], delivery: Delivery) -> datetime | None:
    """When it became so; of a failure for now when it is tried again, if that is worth waiting for."""
    if delivery is not Delivery.FAILED_TEMPORARY:
        return received.time
    retry_at = received.data.retry_at if isinstance(received.data, MessageFailed) else None
    return retry_at if retry_at and retry_at - received.time >= LONG_WAIT else None


def signed_up(received: Received[SignedUp]) -> Told:
    fact = received.data
    account = Account(fact.signed_up_at, fact.account_id)
    family = Family(received.school_id, fact.parent_id, account=account)
    return told(received, fact.parent_id, family=family)

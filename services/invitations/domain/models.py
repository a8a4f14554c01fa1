"""Values of the invitation domain. Every class is immutable; moments are UTC with a time zone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from shared.contracts.quiet_hours import QuietHours
from shared.contracts.values import Channel, ContactKind, Delivery, InvitationStatus, Template, address_digest


class Purpose(StrEnum):
    """Purpose of the live link: to verify the address, or to sign up."""

    VERIFY = "verify"
    JOIN = "join"


class EventKind(StrEnum):
    """Kind of event that a transition announces; `event_mapping` turns it into the published contract."""

    VERIFICATION_REQUESTED = "verification_requested"
    CONTACT_VERIFIED = "contact_verified"
    ISSUED = "issued"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    BLOCKED = "blocked"


class Origin(StrEnum):
    """Source of a request to invite a parent; rate limits and the choice of the contact depend on it."""

    STAFF = "staff"
    ADDED = "added"
    BULK = "bulk"
    PARENT = "parent"
    CONTACT_CHANGE = "contact_change"


class DenialReason(StrEnum):
    """Reason for which a parent cannot be invited now; also the skip reasons of a bulk run."""

    SIGNED_UP = "signed_up"
    DECLINED = "declined"
    OPTED_OUT = "opted_out"
    NO_CONTACT = "no_contact"
    COOL_DOWN = "cool_down"
    RESTRICTED = "restricted"
    NOT_KNOWN_YET = "not_known_yet"
    REMOVED = "removed"
    NO_CREDENTIALS = "no_credentials"
    MESSAGE_CAP = "message_cap"
    TOO_SOON = "too_soon"


LIVE = frozenset({InvitationStatus.AWAITING_VERIFICATION, InvitationStatus.INVITED})
"""Statuses in which the link of an invitation works."""
UNDELIVERABLE = frozenset({Delivery.FAILED_PERMANENT, Delivery.SUPPRESSED})
"""Deliveries after which the address gets no reminders."""


@dataclass(frozen=True, slots=True)
class Link:
    """Derived link: the id of its key and the SHA-256 (hex) of its token. The token itself is never stored."""

    key_id: str
    digest: str


DeriveLink = Callable[[Purpose, UUID, int], Link]
"""Function that derives the link of (purpose, invitation_id, generation)."""


@dataclass(frozen=True, slots=True, repr=False)
class Contact:
    """Contact point of a parent: an email address or a phone number."""

    contact_id: UUID
    kind: ContactKind
    address: str
    preferred: bool = False
    verified: bool = False

    @property
    def address_digest(self) -> str:
        """Digest that reveals a changed address without storing the old one."""
        return address_digest(self.address)


@dataclass(frozen=True, slots=True)
class School:
    """Settings of a school that invitations depend on. `lifetime` is the validity period of its links."""

    school_id: UUID
    name: str
    language: str
    timezone: str
    credentials_mode: str = "self_service"
    lifetime: timedelta = timedelta(days=7)
    reminders: tuple[timedelta, ...] = (timedelta(days=3), timedelta(days=6))
    quiet: QuietHours = field(default_factory=QuietHours)


@dataclass(frozen=True, slots=True, repr=False)
class Parent:
    """Replica of a parent record of the roster."""

    parent_id: UUID
    school_id: UUID
    name: str = ""
    language: str | None = None
    contacts: tuple[Contact, ...] = ()
    has_access: bool = True
    removed: bool = False


@dataclass(frozen=True, slots=True)
class SchoolReplica:
    """School as the roster published it in `version`."""

    school: School
    version: int


@dataclass(frozen=True, slots=True)
class ParentReplica:
    """Parent as the roster published them in `version`, with the ids of all linked students."""

    parent: Parent
    version: int
    students: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class PendingInvitation:
    """Request of the roster to invite a parent, stored until the replicas of parent and school have arrived."""

    parent_id: UUID
    school_id: UUID
    channel: Channel
    contact_id: UUID | None
    actor: str | None


@dataclass(frozen=True, slots=True)
class ContactUsage:
    """Messages sent to one contact, and when its address was verified. Void once the address differs."""

    parent_id: UUID
    contact_id: UUID
    address_digest: str
    messages: int
    verified_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Invitation:
    """The one invitation of a parent; `generation` grows with every re-invitation, `version` with every event.

    `send_at` is set while the message is deferred until the end of quiet hours.
    """

    invitation_id: UUID
    school_id: UUID
    parent_id: UUID
    version: int
    status: InvitationStatus
    generation: int
    purpose: Purpose
    channel: Channel
    contact_id: UUID
    address_digest: str
    token_key_id: str
    token_digest: str
    message_id: UUID
    template: Template
    delivery: Delivery
    first_invited_at: datetime
    last_invited_at: datetime
    expires_at: datetime
    last_message_at: datetime
    delivery_reason: str | None = None
    last_reinvite_at: datetime | None = None
    next_reminder_at: datetime | None = None
    accepted_at: datetime | None = None
    submission_id: UUID | None = None
    signed_up_at: datetime | None = None
    """Time from which the account is active; None between the acceptance and that time."""
    blocked_reason: str | None = None
    send_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class LastMessage:
    """Projection of an invitation onto its last message: the columns that a delivery report can change."""

    invitation_id: UUID
    school_id: UUID
    parent_id: UUID
    message_id: UUID
    delivery: Delivery
    delivery_reason: str | None = None
    reminds: bool = False
    """Whether a reminder is scheduled."""


@dataclass(frozen=True, slots=True)
class ExpiryWindow:
    """Projection of an invitation onto its validity period: the columns that an expiry reads or changes."""

    invitation_id: UUID
    school_id: UUID
    parent_id: UUID
    generation: int
    version: int
    status: InvitationStatus
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class OptOut:
    """Whether an address of a parent refuses messages on a channel, as the notifier published it in `version`."""

    parent_id: UUID
    school_id: UUID
    channel: Channel
    address_digest: str
    version: int
    opted_out: bool


@dataclass(frozen=True, slots=True)
class TransitionInputs:
    """Inputs of a transition from outside the domain: the database's clock, a new message id, the link function."""

    now: datetime
    message_id: UUID
    derive_link: DeriveLink


@dataclass(frozen=True, slots=True)
class Limits:
    """Rate limits of the installation. `message_cap` counts messages per contact until its address changes.

    `quiet`, if set, replaces the quiet hours of every school.
    """

    cool_down: timedelta = timedelta(hours=24)
    reinvite_pause: timedelta = timedelta(seconds=60)
    message_cap: int = 10
    quiet: QuietHours | None = None


@dataclass(frozen=True, slots=True)
class InvitationPolicy:
    """Inputs of the use cases that are the same for the whole installation.

    `channels` are those that the installation can send on; `derive_link` derives links with its current key.
    """

    limits: Limits
    channels: frozenset[Channel]
    derive_link: DeriveLink
    new_id: Callable[[], UUID]

    def transition_inputs(self, now: datetime) -> TransitionInputs:
        """Return the inputs of a transition at the database's `now`, with a new message id."""
        return TransitionInputs(now, self.new_id(), self.derive_link)


@dataclass(frozen=True, slots=True)
class Transition:
    """New state, the events it announces in order (the last one has the state's version), and a message to send.

    `first` is true if the parent had no invitation before.
    """

    invitation: Invitation
    events: tuple[EventKind, ...] = ()
    send: Template | None = None
    first: bool = False

    def version_of(self, index: int) -> int:
        """Return the aggregate version of the event at `index`."""
        return self.invitation.version - len(self.events) + 1 + index

    @property
    def cancels_deferred(self) -> bool:
        """Whether the message was deferred and is not sent any more."""
        invitation = self.invitation
        return invitation.delivery is Delivery.DEFERRED and invitation.send_at is None and self.send is None

    @property
    def may_replace_deferred(self) -> bool:
        """Whether the transition can end a deferred message of the invitation unsent.

        A first invitation and the answers to its submissions cannot.
        """
        links = {EventKind.ISSUED, EventKind.VERIFICATION_REQUESTED}
        reinvites = self.invitation.generation > 1 and not links.isdisjoint(self.events)
        return reinvites or self.cancels_deferred

    @property
    def current_message_id(self) -> UUID | None:
        """Id of the message that the invitation has from now on, or None if its deferred message is cancelled."""
        return None if self.cancels_deferred else self.invitation.message_id


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """Line of a parent's timeline. `detail` is a code or a text for staff, never an address."""

    parent_id: UUID
    school_id: UUID
    event: str
    detail: str | None = None
    actor: str | None = None


@dataclass(frozen=True, slots=True)
class Submission:
    """Form that a parent submitted on a page. `submitted_at` is the clock of signup's database."""

    submission_id: UUID
    invitation_id: UUID
    generation: int
    submitted_at: datetime

"""What the rules speak of. Moments are UTC with a time zone; every class is a value."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import NewType
from uuid import UUID

from services.invitations.domain.states import Channel, Delivery, Fact, InvitationStatus, Purpose, Template

InvitationId = NewType("InvitationId", UUID)


@dataclass(frozen=True, slots=True)
class Link:
    """A derived link: which key made it, and the SHA-256 (hex) of its token. The token itself is nowhere."""

    key_id: str
    digest: str


Seal = Callable[[Purpose, UUID, int], Link]
"""Derives the link of (purpose, invitation_id, generation)."""


@dataclass(frozen=True, slots=True, repr=False)
class Contact:
    """An address of a parent."""

    contact_id: UUID
    kind: str
    address: str
    preferred: bool = False
    verified: bool = False

    @property
    def address_digest(self) -> str:
        """Tells a changed address from an unchanged one without keeping the old one."""
        return digest_of(self.address)


def digest_of(address: str) -> str:
    """SHA-256 (hex) of an address, letter case and outer blanks aside."""
    return hashlib.sha256(address.strip().casefold().encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From when until when phones are left alone, local time; equal moments: never."""

    begin: time = time(20)
    end: time = time(8)


@dataclass(frozen=True, slots=True)
class School:
    """What an invitation needs of the school."""

    school_id: UUID
    name: str
    language: str
    timezone: str
    credentials_mode: str = "self_service"
    lifetime: timedelta = timedelta(days=7)
    reminders: tuple[timedelta, ...] = (timedelta(days=3), timedelta(days=6))
    quiet: QuietHours = QuietHours()


@dataclass(frozen=True, slots=True, repr=False)
class Parent:
    """This service's copy of a parent record."""

    parent_id: UUID
    school_id: UUID
    name: str = ""
    language: str | None = None
    contacts: tuple[Contact, ...] = ()
    has_access: bool = True
    removed: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """What was sent to one contact, and whether its address is proved. Void once the address differs."""

    parent_id: UUID
    contact_id: UUID
    address_digest: str
    messages: int = 0
    verified_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Invitation:
    """The one invitation of a parent; `generation` grows with every re-invite, `version` with every fact.

    `send_at`: its message waits until then, because of quiet hours.
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
    blocked_reason: str | None = None
    send_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class LastMessage:
    """How an invitation's last message fares: all of the invitation that outcomes of messages move."""

    invitation_id: UUID
    school_id: UUID
    parent_id: UUID
    message_id: UUID
    delivery: Delivery
    delivery_reason: str | None = None
    reminds: bool = False
    """Is there a reminder to come?"""


@dataclass(frozen=True, slots=True)
class Week:
    """How long an invitation's link works, and that it still does: all of the invitation that the end of it moves."""

    invitation_id: UUID
    school_id: UUID
    parent_id: UUID
    generation: int
    version: int
    status: InvitationStatus
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class OptOut:
    """Whether an address of a parent takes messages on a channel, as the notifier knew it at `version`."""

    parent_id: UUID
    school_id: UUID
    channel: Channel
    address_digest: str
    version: int
    opted_out: bool


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a transition needs from outside: the database's clock, a fresh message id, and the link maker."""

    now: datetime
    message_id: UUID
    seal: Seal


@dataclass(frozen=True, slots=True)
class Limits:
    """Brakes of a whole installation. `message_cap` counts messages per contact until its address changes.

    `quiet` replaces the quiet hours of every school.
    """

    cool_down: timedelta = timedelta(hours=24)
    reinvite_pause: timedelta = timedelta(seconds=60)
    message_cap: int = 10
    quiet: QuietHours | None = None


@dataclass(frozen=True, slots=True)
class Transition:
    """A new state, the facts it announces in order (the last has the state's version), a message to send.

    `first`: the parent had no invitation before.
    """

    invitation: Invitation
    facts: tuple[Fact, ...] = ()
    send: Template | None = None
    first: bool = False

    def version_of(self, index: int) -> int:
        """The aggregate's version that the fact at `index` carries."""
        return self.invitation.version - len(self.facts) + 1 + index


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of a parent's timeline. `detail` is a code or words for staff, never an address."""

    parent_id: UUID
    school_id: UUID
    event: str
    detail: str | None = None
    actor: str | None = None


@dataclass(frozen=True, slots=True)
class Submission:
    """What a parent sent from a page. `submitted_at` is the clock of signup's database."""

    submission_id: UUID
    invitation_id: UUID
    generation: int
    submitted_at: datetime

"""Builders of what the roster, the notifier and signup send to the invitations service in tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID, uuid4

from services.invitations.settings import Settings
from shared.contracts import invitations, notifier, roster, signup
from shared.contracts.message import Message
from tests.support.apps import AUTH_SECRET, PUBLIC_URL, TOKEN_KEYS

ParentEvent = (
    roster.ParentAdded | roster.ParentRenamed | roster.ParentContactChanged | roster.ParentAccessChanged
)
LinkEvent = invitations.VerificationRequested | invitations.InvitationIssued
Submitted = TypeVar("Submitted", signup.VerificationSubmitted, signup.SignUpSubmitted)


def settings_for(database_url: str, **changes: Any) -> Settings:
    """Return settings with short waits; `changes` by field name."""
    values: dict[str, Any] = {
        "database_url": database_url,
        "kafka_bootstrap": "127.0.0.1:1",
        "public_url": PUBLIC_URL,
        "token_keys": TOKEN_KEYS,
        "auth_secret": AUTH_SECRET,
        "await_parent_seconds": 0.1,
        "preview_catch_up_seconds": 0.1,
        "catch_up_seconds": 0.0,
        "roster_patience_seconds": 0.0,
        "await_poll_milliseconds": 5,
    }
    return Settings(**{**values, **changes})


@dataclass(slots=True)
class ParentRecord:
    """Parent record of the roster with one child, an e-mail address, and optionally a phone number."""

    school_id: UUID
    parent_id: UUID = field(default_factory=uuid4)
    contact_id: UUID = field(default_factory=uuid4)
    student_id: UUID = field(default_factory=uuid4)
    address: str = ""
    verified: bool = False
    rights: roster.Rights = "full"
    phone: str = ""
    phone_id: UUID = field(default_factory=uuid4)

    def event(self, kind: type[ParentEvent] = roster.ParentAdded) -> Message:
        """Return the roster's event about the parent in the present state."""
        email = roster.Contact(
            contact_id=self.contact_id,
            kind="email",
            address=self.address,
            preferred=True,
            verified=self.verified,
        )
        phone = roster.Contact(contact_id=self.phone_id, kind="phone", address=self.phone, preferred=True)
        contacts = tuple(contact for contact in (email, phone) if contact.address)
        return kind(
            parent_id=self.parent_id,
            parent=roster.ParentDetails(name="Ada Lovelace", contacts=contacts),
            children=(roster.ChildLink(student_id=self.student_id, rights=self.rights),),
        )


def submission(
    kind: type[Submitted], link: LinkEvent, generation: int | None = None, at: datetime | None = None
) -> Submitted:
    """Return signup's event about a form that was submitted on this link."""
    return kind(
        submission_id=uuid4(),
        invitation_id=link.invitation_id,
        generation=generation or link.generation,
        submitted_at=at or datetime.now(UTC),
    )


def report_fields(command: notifier.SendMessage) -> dict[str, Any]:
    """Return the fields that every delivery report about this command has."""
    names = ("message_id", "parent_id", "invitation_id", "generation", "channel", "template")
    return {name: getattr(command, name) for name in names}

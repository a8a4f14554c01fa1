"""Builders of events that the tests consume."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from shared.contracts import roster
from shared.contracts.message import Message

VALIDITY_PERIOD = timedelta(days=7)


@dataclass(slots=True)
class ParentRecord:
    """A parent record with one student and one invitation, which is in its newest generation."""

    school_id: UUID
    parent_id: UUID = field(default_factory=uuid4)
    student_id: UUID = field(default_factory=uuid4)
    invitation_id: UUID = field(default_factory=uuid4)
    contact_id: UUID = field(default_factory=uuid4)
    generation: int = 0

    def event(self, event_class: type[Message], **fields: Any) -> Message:
        """Return an event about the parent's invitation."""
        common = {
            "invitation_id": self.invitation_id,
            "parent_id": self.parent_id,
            "generation": self.generation,
        }
        return event_class(**{**common, **fields})


def link_event(
    event_class: type[Message], parent: ParentRecord, token: str, lifetime: timedelta = VALIDITY_PERIOD
) -> Message:
    """Return the event that a link with this token was sent."""
    return parent.event(
        event_class,
        channel="email",
        contact_id=parent.contact_id,
        message_id=uuid4(),
        token_digest=hashlib.sha256(token.encode()).hexdigest(),
        expires_at=datetime.now(UTC) + lifetime,
    )


def parent_event(
    event_class: type[roster.ParentAdded | roster.ParentAccessChanged],
    parent: ParentRecord,
    *children: roster.ChildLink,
    language: str | None = None,
) -> Message:
    """Return an event about the parent record with exactly these children."""
    contact = roster.Contact(contact_id=parent.contact_id, kind="email", address="ada.kastanie@mail.example")
    details = roster.ParentDetails(name="Ada Example", language=language, contacts=(contact,))
    return event_class(parent_id=parent.parent_id, parent=details, children=children)

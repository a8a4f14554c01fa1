"""Response models of the status view. Their docstrings are published in the OpenAPI description."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.dashboard.domain.parent_projection import Contact
from services.dashboard.domain.schools_students import School
from services.dashboard.domain.status import Action
from services.dashboard.domain.status_rows import LinkedStudent, ParentRow
from services.dashboard.domain.timeline import TimelineEntry, format_entry
from shared.contracts.values import Delivery, InvitationStatus


class Schema(BaseModel):
    """Base of the models that are filled from attributes of domain objects."""

    model_config = ConfigDict(from_attributes=True)


class ChildOut(Schema):
    """Student that the roster links to the parent; `rights` is full or none."""

    student_id: UUID
    name: str
    class_name: str | None
    relation: str | None
    rights: str

    @classmethod
    def from_child(cls, child: LinkedStudent) -> Self:
        """Convert a child of a row."""
        return cls.model_validate(child)


class ContactOut(Schema):
    """Contact of a parent; `kind` is email or phone, `opted_out` lists the channels on which STOP was answered."""

    contact_id: UUID
    kind: str
    address: str
    preferred: bool
    verified: bool
    opted_out: list[str]

    @classmethod
    def from_contact(cls, contact: Contact, row: ParentRow) -> Self:
        """Convert a contact of a row."""
        return cls(**contact._asdict(), opted_out=row.opted_out_channels(contact))


class ParentOut(Schema):
    """One row of the status view. `action` is null if none is offered; times are UTC."""

    parent_id: UUID
    name: str
    children: list[ChildOut]
    contacts: list[ContactOut]
    status: InvitationStatus
    delivery: Delivery | None
    reason: str
    next_step: str
    action: Action | None
    last_invited_at: datetime | None
    signed_up_at: datetime | None

    @classmethod
    def from_row(cls, row: ParentRow, school: School) -> Self:
        """Convert a row, with the explanation in the school's time zone."""
        explanation = row.explanation(school.timezone)
        return cls(
            parent_id=row.parent_id,
            name=row.name,
            children=[ChildOut.from_child(child) for child in row.children],
            contacts=[ContactOut.from_contact(contact, row) for contact in row.contacts],
            status=row.status,
            delivery=row.delivery,
            reason=explanation.reason,
            next_step=explanation.next_step,
            action=row.action,
            last_invited_at=row.last_invited_at,
            signed_up_at=row.signed_up_at,
        )


class ParentPage(BaseModel):
    """Page of parents; `next` is the cursor of the next page, null on the last one."""

    items: list[ParentOut]
    next: str | None


class EntryOut(BaseModel):
    """Entry of the timeline, newest first; `actor` is set where a person or an API client caused the event."""

    at: datetime
    kind: str
    text: str
    actor: str | None

    @classmethod
    def from_entry(cls, entry: TimelineEntry) -> Self:
        """Convert an entry of the timeline."""
        return cls(at=entry.at, kind=entry.kind, text=format_entry(entry), actor=entry.actor)


class ParentDetailOut(ParentOut):
    """Row of the status view with the whole timeline."""

    timeline: Annotated[list[EntryOut], Field(default_factory=list)]


class SummaryOut(Schema):
    """Counts of the parents by status and by delivery; a status that none has is there with 0."""

    total: int
    status: dict[InvitationStatus, int]
    delivery: dict[Delivery, int]

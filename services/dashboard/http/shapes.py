"""The JSON of the status view."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.dashboard.domain.directory import School
from services.dashboard.domain.family import Contact
from services.dashboard.domain.rows import Child, ParentRow
from services.dashboard.domain.status import Action, Delivery, Status
from services.dashboard.domain.timeline import Entry, line


class Shape(BaseModel):
    """Read from the domain's rows."""

    model_config = ConfigDict(from_attributes=True)


class ChildOut(Shape):
    """A child that the roster links to the parent; `rights` is full or none."""

    student_id: UUID
    name: str
    class_name: str | None
    relation: str | None
    rights: str

    @classmethod
    def of(cls, child: Child) -> Self:
        return cls.model_validate(child)


class ContactOut(Shape):
    """`kind` is email or phone; `opted_out` names channels on which the recipient answered STOP."""

    contact_id: UUID
    kind: str
    address: str
    preferred: bool
    verified: bool
    opted_out: list[str]

    @classmethod
    def of(cls, contact: Contact, row: ParentRow) -> Self:
        return cls(**contact._asdict(), opted_out=row.closed(contact))


class ParentOut(Shape):
    """One row of the status view. `action` is null where nothing can be pressed; moments are UTC."""

    parent_id: UUID
    name: str
    children: list[ChildOut]
    contacts: list[ContactOut]
    status: Status
    delivery: Delivery | None
    reason: str
    next_step: str
    action: Action | None
    last_invited_at: datetime | None
    signed_up_at: datetime | None

    @classmethod
    def of(cls, row: ParentRow, school: School) -> Self:
        told = row.explanation(school.timezone)
        return cls(
            parent_id=row.parent_id,
            name=row.name,
            children=[ChildOut.of(child) for child in row.children],
            contacts=[ContactOut.of(contact, row) for contact in row.contacts],
            status=row.status,
            delivery=row.delivery,
            reason=told.reason,
            next_step=told.next_step,
            action=row.action,
            last_invited_at=row.last_invited_at,
            signed_up_at=row.signed_up_at,
        )


class ParentPage(BaseModel):
    """`next` is the cursor of the next page, null on the last one."""

    items: list[ParentOut]
    next: str | None


class EntryOut(BaseModel):
    """One line of the timeline, newest first; `actor` is who did it where a person did."""

    at: datetime
    kind: str
    text: str
    actor: str | None

    @classmethod
    def of(cls, entry: Entry) -> Self:
        return cls(at=entry.at, kind=entry.kind, text=line(entry), actor=entry.actor)


class ParentDetailOut(ParentOut):
    """A row with everything that happened."""

    timeline: Annotated[list[EntryOut], Field(default_factory=list)]


class SummaryOut(Shape):
    """Counts of the parents by status and by delivery; statuses that nobody has are there with 0."""

    total: int
    status: dict[Status, int]
    delivery: dict[Delivery, int]

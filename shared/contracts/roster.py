"""Events of the roster: schools, students, parents and siblings.

Each event carries the whole present state of what it describes, so that the highest version always wins.
"""

from __future__ import annotations

from datetime import time
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from shared.contracts.bounds import (
    MAX_CHILDREN,
    MAX_CONTACTS,
    MAX_GROUP,
    MAX_REMINDERS,
    Address,
    LifetimeDays,
    LocalTime,
    Name,
    Reason,
    ReminderDay,
    Short,
)
from shared.contracts.message import Message, Payload, Personal, contract
from shared.contracts.topics import ROSTER_PARENT, ROSTER_SCHOOL, ROSTER_SIBLINGS, ROSTER_STUDENT

ContactKind = Literal["email", "phone"]
Channel = Literal["email", "sms", "whatsapp"]
Rights = Literal["full", "none"]
CredentialsMode = Literal["self_service", "issued"]


class School(Payload):
    """Public data and settings of a school. `country` is ISO 3166 alpha-2, `language` BCP 47, `timezone` IANA."""

    name: Name
    country: Short
    language: Short
    timezone: Short
    credentials_mode: CredentialsMode = "self_service"
    invitation_lifetime_days: LifetimeDays = 7
    reminder_days: Annotated[tuple[ReminderDay, ...], Field(max_length=MAX_REMINDERS)] = (3, 6)
    quiet_from: LocalTime = time(20)
    quiet_until: LocalTime = time(8)


class StudentDetails(Personal):
    """Student as the school names them."""

    name: Name
    number: Short | None = None
    class_name: Short | None = None


class Contact(Personal):
    """Contact of a parent: an e-mail address, or a phone number in E.164."""

    contact_id: UUID
    kind: ContactKind
    address: Address
    preferred: bool = False
    verified: bool = False


class ParentDetails(Personal):
    """Parent record: one name, or two behind shared contacts."""

    name: Name
    language: Short | None = None
    contacts: Annotated[tuple[Contact, ...], Field(max_length=MAX_CONTACTS)] = ()


class ChildLink(Payload):
    """Relation of a parent to a student, with the rights and the reason of the link."""

    student_id: UUID
    relation: Short | None = None
    rights: Rights = "full"
    reason: Reason = "entered"


class _SchoolEvent(Message):
    school_id: UUID
    school: School


class _StudentEvent(Message):
    student_id: UUID
    student: StudentDetails


class _ParentEvent(Message):
    parent_id: UUID
    parent: ParentDetails
    children: Annotated[tuple[ChildLink, ...], Field(max_length=MAX_CHILDREN)] = ()


@contract(
    "roster.school.registered.v1",
    topic=ROSTER_SCHOOL,
    key="school_id",
    triggered_by="staff add a school",
    whole=True,
)
class SchoolRegistered(_SchoolEvent):
    """A school was registered."""


@contract(
    "roster.school.settings_changed.v1",
    topic=ROSTER_SCHOOL,
    key="school_id",
    triggered_by="staff change a school's name or settings",
    whole=True,
)
class SchoolSettingsChanged(_SchoolEvent):
    """A school's name or settings changed."""


@contract(
    "roster.student.added.v1",
    topic=ROSTER_STUDENT,
    key="student_id",
    triggered_by="a form, the API or an import adds a pupil",
    whole=True,
)
class StudentAdded(_StudentEvent):
    """A student was added."""


@contract(
    "roster.student.details_changed.v1",
    topic=ROSTER_STUDENT,
    key="student_id",
    triggered_by="a form, the API or an import changes a pupil",
    whole=True,
)
class StudentDetailsChanged(_StudentEvent):
    """A student's name, number or class changed."""


@contract(
    "roster.student.removed.v1",
    topic=ROSTER_STUDENT,
    key="student_id",
    triggered_by="staff remove a pupil",
    whole=True,
)
class StudentRemoved(Message):
    """A student was removed."""

    student_id: UUID


@contract(
    "roster.parent.added.v1",
    topic=ROSTER_PARENT,
    key="parent_id",
    triggered_by="a form, the API or an import names a parent nobody here knew",
    whole=True,
)
class ParentAdded(_ParentEvent):
    """A parent record was added and linked to its children."""


@contract(
    "roster.parent.renamed.v1",
    topic=ROSTER_PARENT,
    key="parent_id",
    triggered_by="staff or an import change a parent's name or language",
    whole=True,
)
class ParentRenamed(_ParentEvent):
    """A parent's name or language changed."""


@contract(
    "roster.parent.contact_changed.v1",
    topic=ROSTER_PARENT,
    key="parent_id",
    triggered_by="staff or an import change a parent's addresses",
    whole=True,
)
class ParentContactChanged(_ParentEvent):
    """A parent's contacts changed. Links that were sent to a removed contact are dead."""


@contract(
    "roster.parent.access_changed.v1",
    topic=ROSTER_PARENT,
    key="parent_id",
    triggered_by="a child is linked to a parent, unlinked, or its rights change",
    whole=True,
)
class ParentAccessChanged(_ParentEvent):
    """The set of children that a parent may see changed."""


@contract(
    "roster.parent.removed.v1",
    topic=ROSTER_PARENT,
    key="parent_id",
    triggered_by="staff remove a parent",
    whole=True,
)
class ParentRemoved(Message):
    """A parent record was removed, and with it every right of access."""

    parent_id: UUID


@contract(
    "roster.parent.invitation_requested.v1",
    topic=ROSTER_PARENT,
    key="parent_id",
    triggered_by="a person asked: invite ticked, or a feed event that says so; never an import",
)
class InvitationRequested(Message):
    """Somebody asked to invite this parent now. Without a contact the preferred one of the channel is meant."""

    parent_id: UUID
    channel: Channel | None = None
    contact_id: UUID | None = None


class _SiblingsEvent(Message):
    sibling_group_id: UUID
    parent_ids: Annotated[tuple[UUID, ...], Field(max_length=MAX_GROUP)]
    student_ids: Annotated[tuple[UUID, ...], Field(max_length=MAX_GROUP)]
    reason: Reason


@contract(
    "roster.siblings.linked.v1",
    topic=ROSTER_SIBLINGS,
    key="sibling_group_id",
    triggered_by="the declared rule (phone and e-mail both equal), or staff",
)
class SiblingsLinked(_SiblingsEvent):
    """Students were linked as siblings; `student_ids` is the whole group."""


@contract(
    "roster.siblings.unlinked.v1",
    topic=ROSTER_SIBLINGS,
    key="sibling_group_id",
    triggered_by="staff undo a link",
)
class SiblingsUnlinked(_SiblingsEvent):
    """A sibling link was undone; `student_ids` is the rest of the group."""

"""Facts of the roster: schools, students, parents and siblings.

Each fact carries the whole present state that it speaks of, so that the highest version always wins.
"""

from __future__ import annotations

from datetime import time
from typing import Literal
from uuid import UUID

from shared.contracts.message import Message, Payload, Personal, contract
from shared.contracts.topics import ROSTER_PARENT, ROSTER_SCHOOL, ROSTER_SIBLINGS, ROSTER_STUDENT

ContactKind = Literal["email", "phone"]
Channel = Literal["email", "sms", "whatsapp"]
Rights = Literal["full", "none"]
CredentialsMode = Literal["self_service", "issued"]


class School(Payload):
    """A school's public face and its settings. `country` ISO 3166 alpha-2, `language` BCP 47, `timezone` IANA."""

    name: str
    country: str
    language: str
    timezone: str
    credentials_mode: CredentialsMode = "self_service"
    invitation_lifetime_days: int = 7
    reminder_days: tuple[int, ...] = (3, 6)
    quiet_from: time = time(20)
    quiet_until: time = time(8)


class StudentDetails(Personal):
    """A pupil as the office names them."""

    name: str
    number: str | None = None
    class_name: str | None = None


class Contact(Personal):
    """An address of a parent: an e-mail address, or a phone number in E.164."""

    contact_id: UUID
    kind: ContactKind
    address: str
    preferred: bool = False
    verified: bool = False


class ParentDetails(Personal):
    """A parent record: one name, or two behind shared contacts."""

    name: str
    language: str | None = None
    contacts: tuple[Contact, ...] = ()


class ChildLink(Payload):
    """Why and how a parent belongs to a pupil."""

    student_id: UUID
    relation: str | None = None
    rights: Rights = "full"
    reason: str = "entered"


class _SchoolFact(Message):
    school_id: UUID
    school: School


class _StudentFact(Message):
    student_id: UUID
    student: StudentDetails


class _ParentFact(Message):
    parent_id: UUID
    parent: ParentDetails
    children: tuple[ChildLink, ...] = ()


@contract(
    "roster.school.registered.v1",
    topic=ROSTER_SCHOOL,
    key="school_id",
    triggered_by="staff add a school",
    whole=True,
)
class SchoolRegistered(_SchoolFact):
    """A school exists."""


@contract(
    "roster.school.settings_changed.v1",
    topic=ROSTER_SCHOOL,
    key="school_id",
    triggered_by="staff change a school's name or settings",
    whole=True,
)
class SchoolSettingsChanged(_SchoolFact):
    """A school's name or settings are different now."""


@contract(
    "roster.student.added.v1",
    topic=ROSTER_STUDENT,
    key="student_id",
    triggered_by="a form, the API or an import adds a pupil",
    whole=True,
)
class StudentAdded(_StudentFact):
    """A pupil is on the roster."""


@contract(
    "roster.student.details_changed.v1",
    topic=ROSTER_STUDENT,
    key="student_id",
    triggered_by="a form, the API or an import changes a pupil",
    whole=True,
)
class StudentDetailsChanged(_StudentFact):
    """A pupil's name, number or class is different now."""


@contract(
    "roster.student.removed.v1",
    topic=ROSTER_STUDENT,
    key="student_id",
    triggered_by="staff remove a pupil",
    whole=True,
)
class StudentRemoved(Message):
    """A pupil has left the roster."""

    student_id: UUID


@contract(
    "roster.parent.added.v1",
    topic=ROSTER_PARENT,
    key="parent_id",
    triggered_by="a form, the API or an import names a parent nobody here knew",
    whole=True,
)
class ParentAdded(_ParentFact):
    """A parent record exists and is linked to its children."""


@contract(
    "roster.parent.renamed.v1",
    topic=ROSTER_PARENT,
    key="parent_id",
    triggered_by="staff or an import change a parent's name or language",
    whole=True,
)
class ParentRenamed(_ParentFact):
    """A parent's name or language is different now."""


@contract(
    "roster.parent.contact_changed.v1",
    topic=ROSTER_PARENT,
    key="parent_id",
    triggered_by="staff or an import change a parent's addresses",
    whole=True,
)
class ParentContactChanged(_ParentFact):
    """A parent's addresses are different now; links to an address that is gone are dead."""


@contract(
    "roster.parent.access_changed.v1",
    topic=ROSTER_PARENT,
    key="parent_id",
    triggered_by="a child is linked to a parent, unlinked, or its rights change",
    whole=True,
)
class ParentAccessChanged(_ParentFact):
    """The set of children a parent may see is different now."""


@contract(
    "roster.parent.removed.v1",
    topic=ROSTER_PARENT,
    key="parent_id",
    triggered_by="staff remove a parent",
    whole=True,
)
class ParentRemoved(Message):
    """A parent record is gone, and with it every right of access."""

    parent_id: UUID


@contract(
    "roster.parent.invitation_requested.v1",
    topic=ROSTER_PARENT,
    key="parent_id",
    triggered_by="a person asked: invite ticked, or a feed event that says so; never an import",
)
class InvitationRequested(Message):
    """Somebody wants this parent invited now. No contact named means the preferred one of the channel."""

    parent_id: UUID
    channel: Channel | None = None
    contact_id: UUID | None = None


class _SiblingsFact(Message):
    sibling_group_id: UUID
    parent_ids: tuple[UUID, ...]
    student_ids: tuple[UUID, ...]
    reason: str


@contract(
    "roster.siblings.linked.v1",
    topic=ROSTER_SIBLINGS,
    key="sibling_group_id",
    triggered_by="the declared rule (phone and e-mail both equal), or staff",
)
class SiblingsLinked(_SiblingsFact):
    """These pupils are one family; `student_ids` is the whole group."""


@contract(
    "roster.siblings.unlinked.v1",
    topic=ROSTER_SIBLINGS,
    key="sibling_group_id",
    triggered_by="staff undo a link",
)
class SiblingsUnlinked(_SiblingsFact):
    """A link was undone; `student_ids` is what is left of the group."""

"""Entities of the roster: schools, students, parent records, their links, and sibling groups. All are immutable."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from enum import StrEnum
from uuid import UUID

from services.roster.domain.text import join_names, name_key
from shared.contracts.values import ContactKind


class Rights(StrEnum):
    """Extent of a parent's access to a child."""

    FULL = "full"
    NONE = "none"


class Reason(StrEnum):
    """Reason for which a link exists; shown to staff."""

    ENTERED = "entered"
    SAME_CONTACTS = "same_phone_and_email"
    LINKED_BY_STAFF = "linked_by_staff"


@dataclass(frozen=True, slots=True)
class SchoolContactContext:
    """Part of a school that the reading of contacts depends on.

    `country` (ISO 3166 alpha-2) completes national phone numbers. `phone` and `email` are the school's own: they never
    identify a family.
    """

    country: str
    phone: str | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True)
class School:
    """School and its settings.

    `country` is ISO 3166 alpha-2, `language` BCP 47, `timezone` an IANA name. `phone` and `email` are the school's own.
    Quiet hours last from `quiet_from` until `quiet_until` in local time; equal times mean none.
    """

    school_id: UUID
    name: str
    country: str
    language: str
    timezone: str
    credentials_mode: str
    invitation_lifetime_days: int = 7
    reminder_days: tuple[int, ...] = (3, 6)
    quiet_from: time = time(20)
    quiet_until: time = time(8)
    phone: str | None = None
    email: str | None = None
    version: int = 0

    @property
    def contact_context(self) -> SchoolContactContext:
        """Return the part of the school that the reading of contacts depends on."""
        return SchoolContactContext(self.country, self.phone, self.email)


@dataclass(frozen=True, slots=True)
class Student:
    """Student of a school. `match_key` is set as in `ParsedStudent.match_key` when the student is added."""

    student_id: UUID
    name: str
    first_name: str | None = None
    last_name: str | None = None
    number: str | None = None
    class_name: str | None = None
    birth_date: date | None = None
    match_key: str | None = None
    version: int = 0

    @property
    def name_key(self) -> str:
        """Return the form in which two names are compared."""
        return name_key(self.name)

    def with_version(self, version: int) -> Student:
        """Return the student at another version."""
        return Student(  # by position: `replace` takes four times as long, and an import calls this for every row
            self.student_id,
            self.name,
            self.first_name,
            self.last_name,
            self.number,
            self.class_name,
            self.birth_date,
            self.match_key,
            version,
        )


@dataclass(frozen=True, slots=True)
class Link:
    """Access of a parent to a student. `sibling_group_id` names the group that gave it; undoing the group ends it."""

    student_id: UUID
    relation: str | None = None
    rights: Rights = Rights.FULL
    reason: Reason = Reason.ENTERED
    sibling_group_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Contact:
    """Contact point of a parent. `address` is E.164, or the e-mail address as typed."""

    contact_id: UUID
    kind: ContactKind
    address: str
    preferred: bool = True
    verified: bool = False

    @property
    def key(self) -> str:
        """Return the form in which two addresses are compared."""
        return self.address.casefold()


@dataclass(frozen=True, slots=True)
class Parent:
    """Parent record: one name, or two behind shared contacts.

    `family_key` is set on the one record of a school that is found by this key.
    """

    parent_id: UUID
    names: tuple[str, ...]
    language: str | None = None
    contacts: tuple[Contact, ...] = ()
    links: tuple[Link, ...] = ()
    family_key: str | None = None
    signed_up_at: datetime | None = None
    version: int = 0

    @property
    def name(self) -> str:
        """Return the name that the record goes by."""
        return join_names(self.names)

    def with_version(self, version: int) -> Parent:
        """Return the record at another version."""
        return Parent(
            self.parent_id,
            self.names,
            self.language,
            self.contacts,
            self.links,
            self.family_key,
            self.signed_up_at,
            version,
        )

    def find_link(self, student_id: UUID) -> Link | None:
        """Return the link to a student, if there is one."""
        return next((link for link in self.links if link.student_id == student_id), None)

    def with_link(self, link: Link) -> Parent:
        """Return the record with one more child; a link to the same child stays as it is."""
        return self if self.find_link(link.student_id) else replace(self, links=(*self.links, link))

    def without_links(self, student_ids: Iterable[UUID]) -> Parent:
        """Return the record without its links to these students."""
        removed = set(student_ids)
        return replace(self, links=tuple(link for link in self.links if link.student_id not in removed))

    def find_preferred(self, kind: ContactKind) -> Contact | None:
        """Return the preferred contact of a kind, else the first of that kind, else None."""
        contacts = [contact for contact in self.contacts if contact.kind is kind]
        return next((contact for contact in contacts if contact.preferred), contacts[0] if contacts else None)

    def make_family_key(self, school: SchoolContactContext) -> str | None:
        """Return the key that the preferred contacts make, whichever record holds it."""
        phone, email = self.find_preferred(ContactKind.PHONE), self.find_preferred(ContactKind.EMAIL)
        return make_family_key(phone.address if phone else None, email.address if email else None, school)

    def with_contact(self, contact_id: UUID, kind: ContactKind, address: str) -> Parent:
        """Return the record with this address in place of the preferred one of its kind.

        An address that the record has already stays as it is.
        """
        added = Contact(contact_id, kind, address)
        if any(contact.kind is kind and contact.key == added.key for contact in self.contacts):
            return self
        replaced = self.find_preferred(kind)
        remaining = tuple(contact for contact in self.contacts if contact is not replaced)
        return replace(self, contacts=(*remaining, added))

    def with_contacts(
        self, wanted: Sequence[tuple[ContactKind, str, bool]], new_id: Callable[[], UUID]
    ) -> Parent:
        """Return the record with exactly these contacts, given as (kind, address, preferred).

        A contact that stays keeps its id and its verification. Of each kind one contact is preferred: the first marked
        as such, else the first.
        """
        present = {(contact.kind, contact.key): contact for contact in self.contacts}
        contacts: dict[tuple[ContactKind, str], Contact] = {}
        for kind in ContactKind:
            of_kind = [
                (address, preferred) for wanted_kind, address, preferred in wanted if wanted_kind is kind
            ]
            first = next((i for i, (_, preferred) in enumerate(of_kind) if preferred), 0)
            for i, (address, _) in enumerate(of_kind):
                key = (kind, address.casefold())
                contact = present.get(key) or Contact(new_id(), kind, address)
                contacts.setdefault(key, replace(contact, address=address, preferred=i == first))
        return replace(self, contacts=tuple(contacts.values()))

    def with_preferred(self, kind: ContactKind, address: str | None, new_id: Callable[[], UUID]) -> Parent:
        """Return the record with this address in place of the preferred one of its kind; None removes that one."""
        replaced = self.find_preferred(kind)
        wanted = [
            (contact.kind, contact.address, contact.preferred)
            for contact in self.contacts
            if contact is not replaced
        ]
        if address is not None:
            wanted = [
                (other, other_address, preferred and other is not kind)
                for other, other_address, preferred in wanted
            ]
            wanted.append((kind, address, True))
        return self.with_contacts(wanted, new_id)


@dataclass(frozen=True, slots=True)
class SiblingGroup:
    """Students of one family and the parents they share.

    An `automatic` group was made by the matching rule around one parent record; the others were made by staff.
    """

    sibling_group_id: UUID
    parent_ids: tuple[UUID, ...]
    student_ids: tuple[UUID, ...]
    reason: Reason
    automatic: bool
    version: int = 0

    def with_version(self, version: int) -> SiblingGroup:
        """Return the group at another version."""
        return replace(self, version=version)


def make_family_key(phone: str | None, email: str | None, school: SchoolContactContext) -> str | None:
    """Return the key by which parent records of one family are equal (C4).

    Phone and e-mail address must both be present, and neither may be the school's own; otherwise return None.
    """
    if phone is None or email is None:
        return None
    if phone == school.phone or (school.email is not None and email.casefold() == school.email.casefold()):
        return None
    return f"{phone} {email.casefold()}"

"""Pupils, parent records, the links between them and sibling groups: frozen, changed by making a new one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from services.roster.domain.contacts import Contact, ContactKind, Surroundings, family_key
from services.roster.domain.text import join_names, name_key


class Rights(StrEnum):
    """What a parent may see of a child."""

    FULL = "full"
    NONE = "none"


class Reason(StrEnum):
    """Why a link exists; shown to staff."""

    ENTERED = "entered"
    SAME_CONTACTS = "same_phone_and_email"
    LINKED_BY_STAFF = "linked_by_staff"


@dataclass(frozen=True, slots=True)
class Student:
    """A pupil. `match_key` is how a file without numbers finds the pupil again (`entries.match_key`)."""

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
        return name_key(self.name)

    def at(self, version: int) -> Student:
        """The same pupil at this version."""
        return Student(
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
    """A parent belongs to a pupil. `sibling_group_id` is set when the group gave the link, and undoing it ends it."""

    student_id: UUID
    relation: str | None = None
    rights: Rights = Rights.FULL
    reason: Reason = Reason.ENTERED
    sibling_group_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Parent:
    """A parent record: one name, or two behind shared contacts. `key` is set on the one that a family key finds."""

    parent_id: UUID
    names: tuple[str, ...]
    language: str | None = None
    contacts: tuple[Contact, ...] = ()
    links: tuple[Link, ...] = ()
    key: str | None = None
    signed_up_at: datetime | None = None
    version: int = 0

    @property
    def name(self) -> str:
        return join_names(self.names)

    def at(self, version: int) -> Parent:
        """The same record at this version."""
        return Parent(
            self.parent_id,
            self.names,
            self.language,
            self.contacts,
            self.links,
            self.key,
            self.signed_up_at,
            version,
        )

    def preferred(self, kind: ContactKind) -> Contact | None:
        """The contact of that kind to use, if there is one."""
        of_kind = [contact for contact in self.contacts if contact.kind is kind]
        return next((contact for contact in of_kind if contact.preferred), of_kind[0] if of_kind else None)

    def link_to(self, student_id: UUID) -> Link | None:
        return next((link for link in self.links if link.student_id == student_id), None)

    def linked(self, link: Link) -> Parent:
        """With one more child; a child it has already stays as it is."""
        return self if self.link_to(link.student_id) else replace(self, links=(*self.links, link))

    def unlinked(self, student_ids: Iterable[UUID]) -> Parent:
        gone = set(student_ids)
        return replace(self, links=tuple(link for link in self.links if link.student_id not in gone))

    def family_key(self, school: Surroundings) -> str | None:
        """The key that the present contacts make, whether this record holds it or another."""
        phone, email = self.preferred(ContactKind.PHONE), self.preferred(ContactKind.EMAIL)
        return family_key(phone.address if phone else None, email.address if email else None, school)

    def with_contact(self, new_id: UUID, kind: ContactKind, address: str) -> Parent:
        """Reachable at this address: known ones stay as they are, another one takes the preferred one's place."""
        new = Contact(new_id, kind, address)
        if any(contact.kind is kind and contact.key == new.key for contact in self.contacts):
            return self
        old = self.preferred(kind)
        kept = tuple(contact for contact in self.contacts if contact is not old)
        return replace(self, contacts=(*kept, new))


@dataclass(frozen=True, slots=True)
class SiblingGroup:
    """Pupils of one family and the parents they share. `automatic` is the rule's work, and has one parent record."""

    sibling_group_id: UUID
    parent_ids: tuple[UUID, ...]
    student_ids: tuple[UUID, ...]
    reason: Reason
    automatic: bool
    version: int = 0

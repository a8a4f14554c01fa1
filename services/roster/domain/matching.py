"""Placing a pupil and the adults in the roster: who is already there, who is new, who are siblings (C3-C6).

The rule, for an adult said to belong to a pupil:
1. the school has a record with the same phone and the same e-mail: that is the record (C4). It may come to carry two
   names (C6). A third name from the four Classe365 fields changes nothing; a third adult entered by name gets a record
   of their own, and staff see the pair among the suggestions;
2. else an adult of the same pupil with that name, or with a compatible name and one equal contact, is the same person;
3. else it is somebody new. One equal contact with another family links nothing: that is a suggestion (C5).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from uuid import UUID

from services.roster.domain.contacts import Contact, ContactKind
from services.roster.domain.entries import ParentEntry, StudentEntry, match_key
from services.roster.domain.families import with_family_key
from services.roster.domain.people import Link, Parent, Reason, SiblingGroup, Student
from services.roster.domain.register import Register
from services.roster.domain.text import merge_names, name_key, same_person

NewId = Callable[[], UUID]


@dataclass(slots=True)
class Placed:
    """What became of one entry. `siblings` are the links to a family that the rule found."""

    student_id: UUID
    parent_ids: list[UUID] = field(default_factory=list)
    student_is_new: bool = False
    new_parents: int = 0
    siblings: int = 0
    changed: bool = False


def place(register: Register, entry: StudentEntry, known: UUID | None, new_id: NewId) -> Placed:
    """Put a pupil and its adults into the register; `known` is the pupil's id when it is there already."""
    student_id = known or new_id()
    before = register.students.get(student_id)
    after = _student(before, entry, student_id)
    register.put_student(after)
    placed = Placed(student_id, student_is_new=before is None, changed=before != after)
    for adult in entry.parents:
        place_parent(register, placed, adult, new_id)
    return placed


def place_parent(register: Register, placed: Placed, entry: ParentEntry, new_id: NewId) -> None:
    """Put one adult of a pupil into the register and record in `placed` what that did."""
    student_id = placed.student_id
    key = entry.key(register.school)
    holder = register.holder_of(key) if key else None
    before = _find(register, student_id, entry, holder)
    if before is None:
        if holder is not None and (holder.parent_id, student_id) in register.refused:
            return
        after = _somebody_new(entry, student_id, None if holder else key, new_id)
        register.put_parent(after)
        placed.new_parents += 1
        placed.changed = True
        placed.parent_ids.append(after.parent_id)
        return
    after = _told(before, entry, new_id)
    after = with_family_key(register, after)
    link = after.link_to(student_id)
    if link is None:
        after = after.linked(Link(student_id, entry.relation))
        if before.links:
            after, group = _as_sibling(register, after, student_id, new_id)
            register.put_group(group)
            placed.siblings += 1
    elif entry.relation and link.relation != entry.relation:
        after = _related(after, link, entry)
    register.put_parent(after)
    placed.changed = placed.changed or after != before
    if after.parent_id not in placed.parent_ids:
        placed.parent_ids.append(after.parent_id)


def _student(before: Student | None, entry: StudentEntry, student_id: UUID) -> Student:
    if before is None:
        return Student(
            student_id,
            entry.name,
            entry.first_name,
            entry.last_name,
            entry.number,
            entry.class_name,
            entry.birth_date,
            match_key(entry),
        )
    return replace(
        before,
        name=entry.name,
        first_name=entry.first_name or before.first_name,
        last_name=entry.last_name or before.last_name,
        number=entry.number or before.number,
        class_name=entry.class_name or before.class_name,
        birth_date=entry.birth_date or before.birth_date,
    )


def _find(register: Register, student_id: UUID, entry: ParentEntry, holder: Parent | None) -> Parent | None:
    fits = holder and (entry.shared or merge_names(holder.names, entry.names) is not None)
    if holder and fits and (holder.parent_id, student_id) not in register.refused:
        return holder
    own = [parent for parent in register.parents_of(student_id) if parent is not holder]
    if not own:
        return None
    wanted = {name_key(name) for name in entry.names}
    for parent in own:
        if wanted & {name_key(name) for name in parent.names}:
            return parent
    addresses = {address.casefold() for address in (entry.phone, entry.email) if address}
    for parent in own:
        compatible = (
            not entry.names
            or not parent.names
            or any(same_person(one, other) for one in entry.names for other in parent.names)
        )
        if compatible and addresses & {contact.key for contact in parent.contacts}:
            return parent
    return None


def _somebody_new(entry: ParentEntry, student_id: UUID, key: str | None, new_id: NewId) -> Parent:
    """A record of what an entry says; `key` is the family's, None where another record holds it."""
    said = ((ContactKind.EMAIL, entry.email), (ContactKind.PHONE, entry.phone))
    return Parent(
        new_id(),
        merge_names((), entry.names) or (),
        entry.language,
        tuple([Contact(new_id(), kind, address) for kind, address in said if address]),
        (Link(student_id, entry.relation),),
        key,
    )


def _told(parent: Parent, entry: ParentEntry, new_id: NewId) -> Parent:
    """The record after hearing an entry: names grow, contacts are added or replaced, blanks take nothing away."""
    names = merge_names(parent.names, entry.names)
    told = replace(parent, names=names or parent.names, language=entry.language or parent.language)
    if entry.email:
        told = told.with_contact(new_id(), ContactKind.EMAIL, entry.email)
    if entry.phone:
        told = told.with_contact(new_id(), ContactKind.PHONE, entry.phone)
    return told


def _as_sibling(
    register: Register, parent: Parent, student_id: UUID, new_id: NewId
) -> tuple[Parent, SiblingGroup]:
    """The rule's link: its reason is said, and undoing the group ends it."""
    group = register.automatic_group_of(parent.parent_id)
    group_id = group.sibling_group_id if group else new_id()
    links = tuple(
        replace(link, reason=Reason.SAME_CONTACTS, sibling_group_id=group_id)
        if link.student_id == student_id
        else link
        for link in parent.links
    )
    members = tuple(sorted(link.student_id for link in links))
    version = group.version if group else 0
    grown = SiblingGroup(
        group_id, (parent.parent_id,), members, Reason.SAME_CONTACTS, automatic=True, version=version
    )
    return replace(parent, links=links), grown


def _related(parent: Parent, link: Link, entry: ParentEntry) -> Parent:
    """Two adults of one pupil behind one record are its parents; a changed word for one adult replaces the old."""
    both = link.relation is not None and len(parent.names) > 1
    changed = replace(link, relation="parents" if both else entry.relation)
    return replace(parent, links=tuple(changed if one is link else one for one in parent.links))

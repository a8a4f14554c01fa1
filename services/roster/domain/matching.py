"""Matching of students and parents with those already on the roster (C3-C6).

Rule for a parent named with a student:
1. A record of the school with the same phone number and the same e-mail address is that parent (C4). It may come to
   carry two names (C6). A third name from the four Classe365 fields changes nothing; a third adult entered by name gets
   a record of their own, and staff see the two records among the suggestions.
2. Otherwise a parent of the same student with that name, or with a compatible name and one equal contact, is the same.
3. Otherwise a new record is added. One contact equal to another family's links nothing: it is a suggestion (C5).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from uuid import UUID

from services.roster.domain.parsed_rows import ParsedParent, ParsedStudent
from services.roster.domain.people import Contact, Link, Parent, Reason, SiblingGroup, Student
from services.roster.domain.roster_changes import RosterChanges
from services.roster.domain.text import may_be_same_person, merge_names, name_key
from shared.contracts.values import ContactKind

NewId = Callable[[], UUID]


@dataclass(slots=True)
class PlacementResult:
    """Outcome of placing one student or parent. `siblings_linked` counts the links to a family that the rule found."""

    student_id: UUID
    parent_ids: list[UUID] = field(default_factory=list)
    is_new_student: bool = False
    parents_added: int = 0
    siblings_linked: int = 0
    has_changes: bool = False


def place_student(
    changes: RosterChanges, parsed: ParsedStudent, student_id: UUID | None, new_id: NewId
) -> PlacementResult:
    """Add or update a student and the parents named with it; `student_id` is None for a new student."""
    student_id = student_id or new_id()
    before = changes.students.get(student_id)
    after = _merge_student(before, parsed, student_id)
    changes.put_student(after)
    result = PlacementResult(student_id, is_new_student=before is None, has_changes=before != after)
    for parent in parsed.parents:
        place_parent(changes, result, parent, new_id)
    return result


def place_parent(
    changes: RosterChanges, result: PlacementResult, parsed: ParsedParent, new_id: NewId
) -> None:
    """Add or update one parent of the student `result.student_id`, and record the outcome in `result`."""
    student_id = result.student_id
    key = parsed.family_key(changes.school)
    holder = changes.find_by_family_key(key)
    before = _find_parent(changes, student_id, parsed, holder)
    if before is None:
        if holder is not None and (holder.parent_id, student_id) in changes.separated:
            return
        added = _new_parent(parsed, student_id, None if holder else key, new_id)
        changes.put_parent(added)
        result.parents_added += 1
        result.has_changes = True
        result.parent_ids.append(added.parent_id)
        return
    after = changes.with_family_key(_merge_parent(before, parsed, new_id))
    link = after.find_link(student_id)
    if link is None:
        after = after.with_link(Link(student_id, parsed.relation))
        if before.links:
            after, group = _link_siblings(changes, after, student_id, new_id)
            changes.put_group(group)
            result.siblings_linked += 1
    elif parsed.relation and link.relation != parsed.relation:
        after = _with_relation(after, link, parsed.relation)
    changes.put_parent(after)
    result.has_changes = result.has_changes or after != before
    if after.parent_id not in result.parent_ids:
        result.parent_ids.append(after.parent_id)


def _merge_student(before: Student | None, parsed: ParsedStudent, student_id: UUID) -> Student:
    """Return the student with the values that were given; a blank value removes nothing."""
    if before is None:
        return Student(
            student_id,
            parsed.name,
            parsed.first_name,
            parsed.last_name,
            parsed.number,
            parsed.class_name,
            parsed.birth_date,
            parsed.match_key,
        )
    return replace(
        before,
        name=parsed.name,
        first_name=parsed.first_name or before.first_name,
        last_name=parsed.last_name or before.last_name,
        number=parsed.number or before.number,
        class_name=parsed.class_name or before.class_name,
        birth_date=parsed.birth_date or before.birth_date,
    )


def _find_parent(
    changes: RosterChanges, student_id: UUID, parsed: ParsedParent, holder: Parent | None
) -> Parent | None:
    """Return the record of a parent by the rules 1 and 2; `holder` is the record that holds the family key."""
    if (
        holder is not None
        and (holder.parent_id, student_id) not in changes.separated
        and (parsed.shared or merge_names(holder.names, parsed.names) is not None)
    ):
        return holder
    candidates = [parent for parent in changes.list_parents(student_id) if parent is not holder]
    if not candidates:
        return None
    name_keys = {name_key(name) for name in parsed.names}
    for parent in candidates:
        if name_keys & {name_key(name) for name in parent.names}:
            return parent
    addresses = {address.casefold() for address in (parsed.phone, parsed.email) if address}
    for parent in candidates:
        has_equal_contact = addresses & {contact.key for contact in parent.contacts}
        if has_equal_contact and _are_compatible(parsed.names, parent.names):
            return parent
    return None


def _are_compatible(names: tuple[str, ...], other_names: tuple[str, ...]) -> bool:
    """Return whether two records can be the same person; a record without a name is compatible with any."""
    if not names or not other_names:
        return True
    return any(may_be_same_person(name, other) for name in names for other in other_names)


def _new_parent(parsed: ParsedParent, student_id: UUID, family_key: str | None, new_id: NewId) -> Parent:
    """Return a new record; `family_key` is None if another record holds the key."""
    addresses = ((ContactKind.EMAIL, parsed.email), (ContactKind.PHONE, parsed.phone))
    return Parent(
        new_id(),
        merge_names((), parsed.names) or (),
        parsed.language,
        tuple([Contact(new_id(), kind, address) for kind, address in addresses if address]),
        (Link(student_id, parsed.relation),),
        family_key,
    )


def _merge_parent(parent: Parent, parsed: ParsedParent, new_id: NewId) -> Parent:
    """Return the record with the names and contacts that were given; a blank value removes nothing."""
    names = merge_names(parent.names, parsed.names)
    merged = replace(parent, names=names or parent.names, language=parsed.language or parent.language)
    if parsed.email:
        merged = merged.with_contact(new_id(), ContactKind.EMAIL, parsed.email)
    if parsed.phone:
        merged = merged.with_contact(new_id(), ContactKind.PHONE, parsed.phone)
    return merged


def _link_siblings(
    changes: RosterChanges, parent: Parent, student_id: UUID, new_id: NewId
) -> tuple[Parent, SiblingGroup]:
    """Return the record and its automatic group, with the link to this student marked as given by the group."""
    group = changes.find_automatic_group(parent.parent_id)
    group_id = group.sibling_group_id if group else new_id()
    links = tuple(
        replace(link, reason=Reason.SAME_CONTACTS, sibling_group_id=group_id)
        if link.student_id == student_id
        else link
        for link in parent.links
    )
    student_ids = tuple(sorted(link.student_id for link in links))
    version = group.version if group else 0
    grown = SiblingGroup(
        group_id, (parent.parent_id,), student_ids, Reason.SAME_CONTACTS, automatic=True, version=version
    )
    return replace(parent, links=links), grown


def _with_relation(parent: Parent, link: Link, relation: str) -> Parent:
    """Return the record with a relation: `parents` if the record carries two names, otherwise the one given."""
    is_couple = link.relation is not None and len(parent.names) > 1
    changed = replace(link, relation="parents" if is_couple else relation)
    return replace(parent, links=tuple(changed if other is link else other for other in parent.links))

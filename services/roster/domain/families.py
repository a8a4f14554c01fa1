"""What staff decide about families: linking two, taking them apart, changing a parent's contacts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from uuid import UUID

from services.roster.domain.contacts import Contact, ContactKind
from services.roster.domain.people import Link, Parent, Reason, SiblingGroup
from services.roster.domain.register import Register

NewId = Callable[[], UUID]


def link_families(
    register: Register, parent_ids: Sequence[UUID], student_ids: Iterable[UUID], new_id: NewId
) -> SiblingGroup:
    """Every one of these parents belongs to every child of them all; the group remembers which links it gave."""
    group_id = new_id()
    parents = [register.parents[parent_id] for parent_id in parent_ids]
    children = tuple(
        sorted({*student_ids, *(link.student_id for parent in parents for link in parent.links)})
    )
    for parent in parents:
        linked = parent
        for student_id in children:
            linked = linked.linked(Link(student_id, reason=Reason.LINKED_BY_STAFF, sibling_group_id=group_id))
            register.refused.discard((parent.parent_id, student_id))
        register.put_parent(linked)
    group = SiblingGroup(
        group_id, tuple(sorted(parent_ids)), children, Reason.LINKED_BY_STAFF, automatic=False
    )
    register.put_group(group)
    return group


def take_apart(register: Register, group: SiblingGroup, student_ids: Iterable[UUID] | None = None) -> None:
    """Undo a group, or some pupils' part in it: the access that the group gave ends, and no rule gives it again.

    A parent whose own children all leave the group loses the other children; the others lose the ones that leave.
    """
    leaving = set(group.student_ids if student_ids is None else student_ids)
    for parent_id in group.parent_ids:
        parent = register.parents[parent_id]
        given = {link.student_id for link in parent.links if link.sibling_group_id == group.sibling_group_id}
        own = {link.student_id for link in parent.links} & set(group.student_ids) - given
        ended = given if own and own <= leaving else given & leaving
        register.refused |= {(parent_id, student_id) for student_id in ended}
        if ended:
            register.put_parent(parent.unlinked(ended))
    register.shrink(group, leaving)


def with_contacts(parent: Parent, wanted: Sequence[tuple[ContactKind, str, bool]], new_id: NewId) -> Parent:
    """The record with exactly these (kind, address, preferred) contacts; one that stays keeps its id and its proof."""
    kept = {(contact.kind, contact.key): contact for contact in parent.contacts}
    contacts: dict[tuple[ContactKind, str], Contact] = {}
    for kind in ContactKind:
        of_kind = [(address, preferred) for one, address, preferred in wanted if one is kind]
        first = next((i for i, (_, preferred) in enumerate(of_kind) if preferred), 0)
        for i, (address, _) in enumerate(of_kind):
            place = (kind, address.casefold())
            known = kept.get(place) or Contact(new_id(), kind, address)
            contacts.setdefault(place, replace(known, address=address, preferred=i == first))
    return replace(parent, contacts=tuple(contacts.values()))


def with_preferred(parent: Parent, kind: ContactKind, address: str | None, new_id: NewId) -> Parent:
    """The record with this preferred contact of a kind in place of the present one; None takes it away."""
    old = parent.preferred(kind)
    kept = [(c.kind, c.address, c.preferred) for c in parent.contacts if c is not old]
    if address is not None:
        kept = [(k, a, p and k is not kind) for k, a, p in kept]
        kept.append((kind, address, True))
    return with_contacts(parent, kept, new_id)


def with_family_key(register: Register, parent: Parent) -> Parent:
    """The record with the family key that its contacts make, unless another record holds that key already."""
    key = parent.family_key(register.school)
    if key == parent.key:
        return parent
    holder = register.holder_of(key) if key else None
    return replace(parent, key=None if holder and holder.parent_id != parent.parent_id else key)

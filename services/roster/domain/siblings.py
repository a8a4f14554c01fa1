"""Sibling links made by staff: linking families and unlinking them again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from uuid import UUID

from services.roster.domain.people import Link, Reason, SiblingGroup
from services.roster.domain.roster_changes import RosterChanges

NewId = Callable[[], UUID]


def link_families(
    changes: RosterChanges, parent_ids: Sequence[UUID], student_ids: Iterable[UUID], new_id: NewId
) -> SiblingGroup:
    """Link each of the parents to every child that any of them has, and to the given students.

    The returned group remembers which links it gave, so that `unlink_siblings` can end them.
    """
    group_id = new_id()
    parents = [changes.parents[parent_id] for parent_id in parent_ids]
    children = tuple(
        sorted({*student_ids, *(link.student_id for parent in parents for link in parent.links)})
    )
    for parent in parents:
        linked = parent
        for student_id in children:
            link = Link(student_id, reason=Reason.LINKED_BY_STAFF, sibling_group_id=group_id)
            linked = linked.with_link(link)
            changes.separated.discard((parent.parent_id, student_id))
        changes.put_parent(linked)
    group = SiblingGroup(
        group_id, tuple(sorted(parent_ids)), children, Reason.LINKED_BY_STAFF, automatic=False
    )
    changes.put_group(group)
    return group


def unlink_siblings(
    changes: RosterChanges, group: SiblingGroup, student_ids: Iterable[UUID] | None = None
) -> None:
    """Undo a group, or the part of some students in it (None: of all).

    The access that the group gave ends, and no rule gives it again. A parent whose own children all leave the group
    loses the other children; the other parents lose the children that leave.
    """
    leaving = set(group.student_ids if student_ids is None else student_ids)
    for parent_id in group.parent_ids:
        parent = changes.parents[parent_id]
        given = {link.student_id for link in parent.links if link.sibling_group_id == group.sibling_group_id}
        own = {link.student_id for link in parent.links} & set(group.student_ids) - given
        ended = given if own and own <= leaving else given & leaving
        changes.separated |= {(parent_id, student_id) for student_id in ended}
        if ended:
            changes.put_parent(parent.without_links(ended))
    changes.remove_from_group(group, leaving)

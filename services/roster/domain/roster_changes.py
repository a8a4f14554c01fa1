"""Part of one school's roster that a use case works on, and the difference it makes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Generic, TypeVar
from uuid import UUID

from services.roster.domain.people import Link, Parent, SchoolContactContext, SiblingGroup, Student

MIN_SIBLINGS = 2
Aggregate = TypeVar("Aggregate", Student, Parent, SiblingGroup)
Pairs = frozenset[tuple[UUID, UUID]]
"""Pairs of a parent's and a student's id."""


@dataclass(frozen=True, slots=True)
class RosterSnapshot:
    """Roster as it was loaded."""

    students: Mapping[UUID, Student]
    parents: Mapping[UUID, Parent]
    groups: Mapping[UUID, SiblingGroup]
    separated: Pairs


class Change(StrEnum):
    """Kind of change of an aggregate. Each change is published as one event."""

    STUDENT_ADDED = "student_added"
    STUDENT_DETAILS_CHANGED = "student_details_changed"
    STUDENT_REMOVED = "student_removed"
    PARENT_ADDED = "parent_added"
    PARENT_RENAMED = "parent_renamed"
    PARENT_CONTACT_CHANGED = "parent_contact_changed"
    PARENT_ACCESS_CHANGED = "parent_access_changed"
    PARENT_INVITATION_REQUESTED = "parent_invitation_requested"
    PARENT_REMOVED = "parent_removed"
    SIBLINGS_LINKED = "siblings_linked"
    SIBLINGS_UNLINKED = "siblings_unlinked"


@dataclass(frozen=True, slots=True)
class AggregateChange(Generic[Aggregate]):
    """One change of an aggregate, and the aggregate's version after it."""

    change: Change
    version: int
    before: Aggregate | None
    after: Aggregate | None


@dataclass(frozen=True, slots=True)
class Difference(Generic[Aggregate]):
    """Difference in one kind of aggregate: what to insert, to update (before, after) and to delete, and the changes."""

    added: list[Aggregate] = field(default_factory=list)
    updated: list[tuple[Aggregate, Aggregate]] = field(default_factory=list)
    removed_ids: list[UUID] = field(default_factory=list)
    changes: list[AggregateChange[Aggregate]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class RosterDiff:
    """All that a use case has to save and to publish.

    `separated` are the (parent, student) pairs that are new among the separated ones, `reunited` those no longer there.
    """

    students: Difference[Student]
    parents: Difference[Parent]
    groups: Difference[SiblingGroup]
    separated: Pairs
    reunited: Pairs


class RosterChanges:
    """Working copy of a part of the roster.

    Aggregates are put and removed, never changed in place, so that `diff` can compare them with those `loaded`.
    `separated` holds the (parent, student) pairs that staff unlinked: no rule links them again.
    """

    def __init__(
        self,
        school: SchoolContactContext,
        students: Iterable[Student] = (),
        parents: Iterable[Parent] = (),
        groups: Iterable[SiblingGroup] = (),
        separated: Iterable[tuple[UUID, UUID]] = (),
    ) -> None:
        self.school = school
        self.students: dict[UUID, Student] = {}
        self.parents: dict[UUID, Parent] = {}
        self.groups: dict[UUID, SiblingGroup] = {}
        self.separated = set(separated)
        self._parent_id_by_family_key: dict[str, UUID] = {}
        self._parent_ids_by_student: defaultdict[UUID, dict[UUID, None]] = defaultdict(dict)
        self._automatic_group_id_by_parent: dict[UUID, UUID] = {}
        for student in students:
            self.put_student(student)
        for parent in parents:
            self.put_parent(parent)
        for group in groups:
            self.put_group(group)
        self.loaded = RosterSnapshot(
            dict(self.students), dict(self.parents), dict(self.groups), frozenset(self.separated)
        )

    def put_student(self, student: Student) -> None:
        self.students[student.student_id] = student

    def put_parent(self, parent: Parent) -> None:
        before = self.parents.get(parent.parent_id)
        if before is not None:
            if before.family_key == parent.family_key and before.links is parent.links:
                self.parents[parent.parent_id] = parent
                return
            self._remove_from_indexes(before)
        self.parents[parent.parent_id] = parent
        if parent.family_key:
            self._parent_id_by_family_key[parent.family_key] = parent.parent_id
        for link in parent.links:
            self._parent_ids_by_student[link.student_id][parent.parent_id] = None

    def put_group(self, group: SiblingGroup) -> None:
        self.groups[group.sibling_group_id] = group
        if group.automatic:
            self._automatic_group_id_by_parent[group.parent_ids[0]] = group.sibling_group_id

    def remove_student(self, student_id: UUID) -> None:
        """Remove a student with every link to it and its place in sibling groups."""
        del self.students[student_id]
        for parent in self.list_parents(student_id):
            self.put_parent(parent.without_links([student_id]))
        for group in list(self.groups.values()):
            self.remove_from_group(group, [student_id])

    def remove_parent(self, parent_id: UUID) -> None:
        """Remove a parent record, from sibling groups too; a group without parents is removed."""
        self._remove_from_indexes(self.parents[parent_id])
        del self.parents[parent_id]
        for group in list(self.groups.values()):
            if parent_id not in group.parent_ids:
                continue
            remaining = tuple(other for other in group.parent_ids if other != parent_id)
            if remaining:
                self.put_group(replace(group, parent_ids=remaining))
            else:
                self._remove_group(group)

    def remove_from_group(self, group: SiblingGroup, student_ids: Iterable[UUID]) -> None:
        """Remove students from a group; a group of fewer than MIN_SIBLINGS is removed."""
        removed = set(student_ids)
        remaining = tuple(student_id for student_id in group.student_ids if student_id not in removed)
        if len(remaining) < MIN_SIBLINGS:
            self._remove_group(group)
        elif len(remaining) < len(group.student_ids):
            self.put_group(replace(group, student_ids=remaining))

    def find_by_family_key(self, key: str | None) -> Parent | None:
        """Return the one record that holds a family key, if there is one."""
        parent_id = self._parent_id_by_family_key.get(key) if key else None
        return self.parents[parent_id] if parent_id else None

    def with_family_key(self, parent: Parent) -> Parent:
        """Return the record with the family key of its contacts, or with none if another record holds that key."""
        key = parent.make_family_key(self.school)
        if key == parent.family_key:
            return parent
        holder = self.find_by_family_key(key)
        is_taken = holder is not None and holder.parent_id != parent.parent_id
        return replace(parent, family_key=None if is_taken else key)

    def list_parents(self, student_id: UUID) -> list[Parent]:
        """Return the parent records of a student in the order in which they were linked."""
        return [self.parents[parent_id] for parent_id in self._parent_ids_by_student[student_id]]

    def find_automatic_group(self, parent_id: UUID) -> SiblingGroup | None:
        """Return the group that the matching rule made around a parent record, if there is one."""
        group_id = self._automatic_group_id_by_parent.get(parent_id)
        return self.groups[group_id] if group_id else None

    def diff(self, invite: Collection[UUID] = ()) -> RosterDiff:
        """Return the difference from the roster as loaded.

        The version of an aggregate steps on by one for each change. `invite` names parents whose invitation a person
        requested; each request is a change of that parent.
        """
        loaded = self.loaded
        separated = frozenset(self.separated)
        return RosterDiff(
            students=_compare(loaded.students, self.students, _list_student_changes),
            parents=_compare(loaded.parents, self.parents, _list_parent_changes, invite),
            groups=_compare(loaded.groups, self.groups, _list_group_changes),
            separated=separated - loaded.separated,
            reunited=loaded.separated - separated,
        )

    def _remove_group(self, group: SiblingGroup) -> None:
        self.groups.pop(group.sibling_group_id, None)
        if group.automatic:
            self._automatic_group_id_by_parent.pop(group.parent_ids[0], None)

    def _remove_from_indexes(self, parent: Parent) -> None:
        if parent.family_key and self._parent_id_by_family_key.get(parent.family_key) == parent.parent_id:
            del self._parent_id_by_family_key[parent.family_key]
        for link in parent.links:
            self._parent_ids_by_student[link.student_id].pop(parent.parent_id, None)


def _compare(
    loaded: Mapping[UUID, Aggregate],
    current: Mapping[UUID, Aggregate],
    list_changes: Callable[[Aggregate | None, Aggregate | None], list[Change]],
    invite: Collection[UUID] = (),
) -> Difference[Aggregate]:
    difference: Difference[Aggregate] = Difference()
    for aggregate_id, after in current.items():
        before = loaded.get(aggregate_id)
        if before == after and aggregate_id not in invite:
            continue
        changes = list_changes(before, after)
        if aggregate_id in invite:
            changes.append(Change.PARENT_INVITATION_REQUESTED)
        difference.changes.extend(
            AggregateChange(change, version, before, after)
            for version, change in enumerate(changes, after.version + 1)
        )
        saved = after.with_version(after.version + len(changes))
        if before is None:
            difference.added.append(saved)
        else:
            difference.updated.append((before, saved))
    for aggregate_id, removed in loaded.items():
        if aggregate_id not in current:
            difference.removed_ids.append(aggregate_id)
            [change] = list_changes(removed, None)
            difference.changes.append(AggregateChange(change, removed.version + 1, removed, None))
    return difference


def _list_student_changes(before: Student | None, after: Student | None) -> list[Change]:
    if before is None or after is None:
        return [Change.STUDENT_ADDED if after else Change.STUDENT_REMOVED]
    is_same = (before.name, before.number, before.class_name) == (after.name, after.number, after.class_name)
    return [] if is_same else [Change.STUDENT_DETAILS_CHANGED]


def _list_parent_changes(before: Parent | None, after: Parent | None) -> list[Change]:
    if before is None or after is None:
        return [Change.PARENT_ADDED if after else Change.PARENT_REMOVED]
    changes = []
    if (before.name, before.language) != (after.name, after.language):
        changes.append(Change.PARENT_RENAMED)
    if before.contacts != after.contacts:
        changes.append(Change.PARENT_CONTACT_CHANGED)
    if _access(before.links) != _access(after.links):
        changes.append(Change.PARENT_ACCESS_CHANGED)
    return changes


def _list_group_changes(before: SiblingGroup | None, after: SiblingGroup | None) -> list[Change]:
    """Return whether a group grew (linked) or lost a member or was removed (unlinked)."""
    if after is None:
        return [Change.SIBLINGS_UNLINKED]
    has_shrunk = before is not None and not (
        set(before.student_ids) <= set(after.student_ids) and set(before.parent_ids) <= set(after.parent_ids)
    )
    return [Change.SIBLINGS_UNLINKED if has_shrunk else Change.SIBLINGS_LINKED]


def _access(links: Iterable[Link]) -> set[tuple[UUID, str | None, str, str]]:
    return {(link.student_id, link.relation, link.rights, link.reason) for link in links}

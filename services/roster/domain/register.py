"""The part of one school's roster that a use case works on, and what the use case changed in it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from uuid import UUID

from services.roster.domain.contacts import Surroundings
from services.roster.domain.people import Link, Parent, SiblingGroup, Student

MIN_SIBLINGS = 2


class Register:
    """A working copy. Aggregates are put and dropped, never changed in place, so that begin and end can be compared.

    `refused` are (parent, student) pairs that staff took apart: no rule links them again.
    """

    def __init__(
        self,
        school: Surroundings,
        students: Iterable[Student] = (),
        parents: Iterable[Parent] = (),
        groups: Iterable[SiblingGroup] = (),
        refused: Iterable[tuple[UUID, UUID]] = (),
    ) -> None:
        self.school = school
        self.students: dict[UUID, Student] = {}
        self.parents: dict[UUID, Parent] = {}
        self.groups: dict[UUID, SiblingGroup] = {}
        self.refused = set(refused)
        self._holders: dict[str, UUID] = {}
        self._by_student: defaultdict[UUID, dict[UUID, None]] = defaultdict(dict)
        self._automatic: dict[UUID, UUID] = {}
        for student in students:
            self.put_student(student)
        for parent in parents:
            self.put_parent(parent)
        for group in groups:
            self.put_group(group)
        self.begin = Snapshot(
            dict(self.students), dict(self.parents), dict(self.groups), frozenset(self.refused)
        )

    def put_student(self, student: Student) -> None:
        self.students[student.student_id] = student

    def put_parent(self, parent: Parent) -> None:
        before = self.parents.get(parent.parent_id)
        if before is not None:
            if before.key == parent.key and before.links is parent.links:
                self.parents[parent.parent_id] = parent
                return
            self._forget(before)
        self.parents[parent.parent_id] = parent
        if parent.key:
            self._holders[parent.key] = parent.parent_id
        for link in parent.links:
            self._by_student[link.student_id][parent.parent_id] = None

    def put_group(self, group: SiblingGroup) -> None:
        self.groups[group.sibling_group_id] = group
        if group.automatic:
            self._automatic[group.parent_ids[0]] = group.sibling_group_id

    def drop_student(self, student_id: UUID) -> None:
        """The pupil leaves; every link to it and its place in sibling groups go too."""
        del self.students[student_id]
        for parent in self.parents_of(student_id):
            self.put_parent(parent.unlinked([student_id]))
        for group in list(self.groups.values()):
            self.shrink(group, [student_id])

    def drop_parent(self, parent_id: UUID) -> None:
        """The record goes; groups that it made go with it, groups it was one of many in lose it."""
        self._forget(self.parents[parent_id])
        del self.parents[parent_id]
        for group in list(self.groups.values()):
            if parent_id in group.parent_ids:
                left = tuple(other for other in group.parent_ids if other != parent_id)
                if left:
                    self.put_group(replace(group, parent_ids=left))
                else:
                    self._drop_group(group)

    def shrink(self, group: SiblingGroup, student_ids: Iterable[UUID]) -> None:
        """Take pupils out of a group; a group of fewer than two is none."""
        gone = set(student_ids)
        left = tuple(student for student in group.student_ids if student not in gone)
        if len(left) < MIN_SIBLINGS:
            self._drop_group(group)
        elif len(left) < len(group.student_ids):
            self.put_group(replace(group, student_ids=left))

    def holder_of(self, key: str) -> Parent | None:
        """The one record that a family key finds."""
        parent_id = self._holders.get(key)
        return self.parents[parent_id] if parent_id else None

    def parents_of(self, student_id: UUID) -> list[Parent]:
        """The parent records of a pupil, in the order they were linked."""
        return [self.parents[parent_id] for parent_id in self._by_student[student_id]]

    def automatic_group_of(self, parent_id: UUID) -> SiblingGroup | None:
        """The group that the rule made around this record."""
        group_id = self._automatic.get(parent_id)
        return self.groups[group_id] if group_id else None

    def _drop_group(self, group: SiblingGroup) -> None:
        self.groups.pop(group.sibling_group_id, None)
        if group.automatic:
            self._automatic.pop(group.parent_ids[0], None)

    def _forget(self, parent: Parent) -> None:
        if parent.key and self._holders.get(parent.key) == parent.parent_id:
            del self._holders[parent.key]
        for link in parent.links:
            self._by_student[link.student_id].pop(parent.parent_id, None)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A register as it was loaded."""

    students: dict[UUID, Student]
    parents: dict[UUID, Parent]
    groups: dict[UUID, SiblingGroup]
    refused: frozenset[tuple[UUID, UUID]]


class Change(StrEnum):
    """What happened to an aggregate; each is one fact and one step of the aggregate's version."""

    STUDENT_ADDED = "student_added"
    STUDENT_DETAILS_CHANGED = "student_details_changed"
    STUDENT_REMOVED = "student_removed"
    PARENT_ADDED = "parent_added"
    PARENT_RENAMED = "parent_renamed"
    PARENT_CONTACT_CHANGED = "parent_contact_changed"
    PARENT_ACCESS_CHANGED = "parent_access_changed"
    PARENT_REMOVED = "parent_removed"
    SIBLINGS_LINKED = "siblings_linked"
    SIBLINGS_UNLINKED = "siblings_unlinked"


def student_change(before: Student | None, after: Student | None) -> list[Change]:
    """What happened to a pupil, as others see it."""
    if before is None or after is None:
        return [Change.STUDENT_ADDED if after else Change.STUDENT_REMOVED] if before is not after else []
    same = (before.name, before.number, before.class_name) == (after.name, after.number, after.class_name)
    return [] if same else [Change.STUDENT_DETAILS_CHANGED]


def parent_changes(before: Parent | None, after: Parent | None) -> list[Change]:
    """What happened to a parent record; several things can have happened at once."""
    if before is None or after is None:
        return [Change.PARENT_ADDED if after else Change.PARENT_REMOVED] if before is not after else []
    changes = []
    if (before.name, before.language) != (after.name, after.language):
        changes.append(Change.PARENT_RENAMED)
    if before.contacts != after.contacts:
        changes.append(Change.PARENT_CONTACT_CHANGED)
    if _access(before.links) != _access(after.links):
        changes.append(Change.PARENT_ACCESS_CHANGED)
    return changes


def group_change(before: SiblingGroup | None, after: SiblingGroup | None) -> list[Change]:
    """Whether a group grew or shrank."""
    if before == after:
        return []
    if after is None:
        return [Change.SIBLINGS_UNLINKED]
    shrunk = before is not None and (
        not set(before.student_ids) <= set(after.student_ids)
        or not set(before.parent_ids) <= set(after.parent_ids)
    )
    return [Change.SIBLINGS_UNLINKED if shrunk else Change.SIBLINGS_LINKED]


def _access(links: Iterable[Link]) -> set[tuple[UUID, str | None, str, str]]:
    return {(link.student_id, link.relation, link.rights, link.reason) for link in links}

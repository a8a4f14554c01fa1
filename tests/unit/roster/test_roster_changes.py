"""Tests of the working copy of a roster: its indexes, and the difference that is saved and published."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.roster.domain.people import Link, Parent, Reason, Rights, SiblingGroup, Student
from services.roster.domain.roster_changes import Change, Difference, RosterChanges
from tests.unit.roster.builders import (
    EMAIL,
    PHONE,
    SCHOOL,
    email,
    group,
    make_id,
    parent,
    phone,
    student,
)

KEY = f"{PHONE} {EMAIL}"


def kinds(
    difference: Difference[Student] | Difference[Parent] | Difference[SiblingGroup],
) -> list[tuple[Change, int]]:
    return [(item.change, item.version) for item in difference.changes]


def test_an_unchanged_roster_has_no_difference() -> None:
    changes = RosterChanges(
        SCHOOL, [student(1)], [parent(2, 1)], [group(3, (2,), (1, 4))], [(make_id(2), make_id(5))]
    )
    changes.put_student(student(1))
    diff = changes.diff()
    for difference in (diff.students, diff.parents, diff.groups):
        assert (difference.added, difference.updated, difference.removed_ids, difference.changes) == (
            [],
            [],
            [],
            [],
        )
    assert (diff.separated, diff.reunited) == (frozenset(), frozenset())


def test_a_new_student_is_added_at_version_one() -> None:
    changes = RosterChanges(SCHOOL)
    changes.put_student(student(1, version=0))
    diff = changes.diff()
    assert diff.students.added == [student(1, version=1)]
    assert kinds(diff.students) == [(Change.STUDENT_ADDED, 1)]
    [change] = diff.students.changes
    assert (change.before, change.after) == (None, student(1, version=0))


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (replace(student(1, version=3), name="Mia Weber"), [(Change.STUDENT_DETAILS_CHANGED, 4)]),
        (replace(student(1, version=3), number="7"), [(Change.STUDENT_DETAILS_CHANGED, 4)]),
        (replace(student(1, version=3), class_name="3b"), [(Change.STUDENT_DETAILS_CHANGED, 4)]),
        (replace(student(1, version=3), first_name="Mia"), []),
    ],
)
def test_a_changed_student_is_saved_and_published_if_others_see_the_change(
    after: Student, expected: list[tuple[Change, int]]
) -> None:
    before = student(1, version=3)
    changes = RosterChanges(SCHOOL, [before])
    changes.put_student(after)
    diff = changes.diff()
    assert kinds(diff.students) == expected
    assert diff.students.updated == [(before, after.with_version(3 + len(expected)))]


def test_a_parent_has_one_version_for_each_change() -> None:
    before = parent(2, 1, contacts=(email(),), version=5)
    changes = RosterChanges(SCHOOL, parents=[before])
    after = replace(before, names=("Anna Weber",), contacts=(phone(),), links=())
    changes.put_parent(after)
    diff = changes.diff([before.parent_id])
    assert kinds(diff.parents) == [
        (Change.PARENT_RENAMED, 6),
        (Change.PARENT_CONTACT_CHANGED, 7),
        (Change.PARENT_ACCESS_CHANGED, 8),
        (Change.PARENT_INVITATION_REQUESTED, 9),
    ]
    assert diff.parents.updated == [(before, after.with_version(9))]
    assert all((item.before, item.after) == (before, after) for item in diff.parents.changes)


def test_an_invitation_is_requested_for_a_parent_without_other_changes_and_for_a_new_one() -> None:
    before = parent(2, 1, version=5)
    changes = RosterChanges(SCHOOL, parents=[before])
    changes.put_parent(parent(3, 1, version=0))
    diff = changes.diff([make_id(2), make_id(3)])
    assert kinds(diff.parents) == [
        (Change.PARENT_INVITATION_REQUESTED, 6),
        (Change.PARENT_ADDED, 1),
        (Change.PARENT_INVITATION_REQUESTED, 2),
    ]
    assert diff.parents.updated == [(before, parent(2, 1, version=6))]
    assert diff.parents.added == [parent(3, 1, version=2)]


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (replace(parent(2, 1), language="fr"), [Change.PARENT_RENAMED]),
        (replace(parent(2, 1), family_key="k"), []),
        (replace(parent(2, 1), links=(Link(make_id(1), "mother"),)), [Change.PARENT_ACCESS_CHANGED]),
        (
            replace(parent(2, 1), links=(Link(make_id(1), rights=Rights.NONE),)),
            [Change.PARENT_ACCESS_CHANGED],
        ),
        (
            replace(parent(2, 1), links=(Link(make_id(1), reason=Reason.LINKED_BY_STAFF),)),
            [Change.PARENT_ACCESS_CHANGED],
        ),
        (replace(parent(2, 1), links=(Link(make_id(1), sibling_group_id=make_id(9)),)), []),
        (replace(parent(2, 1), links=(Link(make_id(4)),)), [Change.PARENT_ACCESS_CHANGED]),
    ],
)
def test_a_parents_changes_are_those_that_others_see(after: Parent, expected: list[Change]) -> None:
    changes = RosterChanges(SCHOOL, parents=[parent(2, 1)])
    changes.put_parent(after)
    assert [item.change for item in changes.diff().parents.changes] == expected


def test_removed_people_are_deleted_at_their_next_version() -> None:
    changes = RosterChanges(SCHOOL, [student(1, version=4)], [parent(2, version=6)])
    changes.remove_student(make_id(1))
    changes.remove_parent(make_id(2))
    diff = changes.diff()
    assert kinds(diff.students) == [(Change.STUDENT_REMOVED, 5)]
    assert kinds(diff.parents) == [(Change.PARENT_REMOVED, 7)]
    assert (diff.students.removed_ids, diff.parents.removed_ids) == ([make_id(1)], [make_id(2)])
    [change] = diff.students.changes
    assert (change.before, change.after) == (student(1, version=4), None)


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (group(3, (2,), (1, 4, 5), version=7), Change.SIBLINGS_LINKED),
        (group(3, (2, 6), (1, 4), version=7), Change.SIBLINGS_LINKED),
        (group(3, (2,), (1, 5), version=7), Change.SIBLINGS_UNLINKED),
        (group(3, (6,), (1, 4), version=7), Change.SIBLINGS_UNLINKED),
    ],
)
def test_a_group_is_linked_when_it_grows_and_unlinked_when_it_loses_a_member(
    after: SiblingGroup, expected: Change
) -> None:
    before = group(3, (2,), (1, 4), version=7)
    changes = RosterChanges(SCHOOL, groups=[before])
    changes.put_group(after)
    diff = changes.diff()
    assert kinds(diff.groups) == [(expected, 8)]
    assert diff.groups.updated == [(before, after.with_version(8))]


def test_a_new_group_is_linked_and_a_removed_one_unlinked() -> None:
    changes = RosterChanges(SCHOOL, groups=[group(3, (2,), (1, 4), version=7)])
    changes.remove_from_group(changes.groups[make_id(3)], [make_id(1)])
    changes.put_group(group(4, (2,), (1, 4), version=0))
    assert kinds(changes.diff().groups) == [(Change.SIBLINGS_LINKED, 1), (Change.SIBLINGS_UNLINKED, 8)]
    assert changes.diff().groups.removed_ids == [make_id(3)]


def test_separated_pairs_are_compared_too() -> None:
    before, after = (make_id(2), make_id(1)), (make_id(2), make_id(4))
    changes = RosterChanges(SCHOOL, separated=[before])
    changes.separated = {after}
    diff = changes.diff()
    assert (diff.separated, diff.reunited) == (frozenset({after}), frozenset({before}))


def test_parents_are_found_by_the_family_key_that_they_hold_now() -> None:
    changes = RosterChanges(SCHOOL, parents=[parent(2, family_key="a")])
    changes.put_parent(parent(2, family_key="b"))
    assert changes.find_by_family_key("a") is None
    assert changes.find_by_family_key("b") == parent(2, family_key="b")
    assert changes.find_by_family_key(None) is None
    changes.put_parent(replace(parent(2, family_key="b"), language="fr"))
    found_again = changes.find_by_family_key("b")
    assert found_again is not None
    assert found_again.language == "fr"
    changes.remove_parent(make_id(2))
    assert changes.find_by_family_key("b") is None


def test_a_key_that_another_record_has_taken_stays_with_that_record() -> None:
    changes = RosterChanges(SCHOOL, parents=[parent(2, family_key="a")])
    changes.put_parent(parent(3, family_key="a"))
    changes.remove_parent(make_id(2))
    assert changes.find_by_family_key("a") == parent(3, family_key="a")


def test_parents_of_a_student_are_listed_in_the_order_of_their_links() -> None:
    changes = RosterChanges(SCHOOL, parents=[parent(3, 1), parent(2, 1)])
    assert [item.parent_id for item in changes.list_parents(make_id(1))] == [make_id(3), make_id(2)]
    changes.put_parent(parent(3, 4))
    assert [item.parent_id for item in changes.list_parents(make_id(1))] == [make_id(2)]
    assert [item.parent_id for item in changes.list_parents(make_id(4))] == [make_id(3)]
    assert changes.list_parents(make_id(5)) == []


def test_a_family_key_is_given_to_the_first_record_only() -> None:
    contacts = (email(), phone())
    changes = RosterChanges(SCHOOL)
    first = changes.with_family_key(parent(2, contacts=contacts))
    assert first.family_key == KEY
    changes.put_parent(first)
    assert changes.with_family_key(first) is first
    assert changes.with_family_key(parent(3, contacts=contacts)).family_key is None
    assert changes.with_family_key(replace(first, contacts=())).family_key is None
    stale = replace(first, family_key="stale")
    assert changes.with_family_key(stale).family_key == KEY


def test_removing_a_student_ends_links_and_its_place_in_groups() -> None:
    changes = RosterChanges(
        SCHOOL,
        [student(1), student(4), student(5)],
        [parent(2, 1, 4, 5)],
        [group(3, (2,), (1, 4, 5)), group(6, (2,), (4, 5))],
    )
    changes.remove_student(make_id(1))
    assert changes.students.keys() == {make_id(4), make_id(5)}
    assert changes.parents[make_id(2)] == parent(2, 4, 5)
    assert changes.groups == {make_id(3): group(3, (2,), (4, 5)), make_id(6): group(6, (2,), (4, 5))}
    changes.remove_student(make_id(4))
    assert changes.groups == {}


def test_removing_a_parent_ends_its_groups_unless_they_have_another_parent() -> None:
    changes = RosterChanges(
        SCHOOL,
        parents=[parent(2, 1), parent(7, 1)],
        groups=[group(3, (2,), (1, 4)), group(5, (2, 7), (1, 4)), group(6, (7,), (1, 4))],
    )
    changes.remove_parent(make_id(2))
    assert changes.groups == {make_id(5): group(5, (7,), (1, 4)), make_id(6): group(6, (7,), (1, 4))}
    assert [item.parent_id for item in changes.list_parents(make_id(1))] == [make_id(7)]


def test_only_an_automatic_group_is_found_by_its_parent_until_it_is_removed() -> None:
    automatic = group(3, (2,), (1, 4), automatic=True)
    changes = RosterChanges(SCHOOL, groups=[group(5, (2,), (1, 4)), automatic, group(6, (2,), (1, 4))])
    assert changes.find_automatic_group(make_id(2)) is automatic
    assert changes.find_automatic_group(make_id(7)) is None
    changes.remove_from_group(group(6, (2,), (1, 4)), [make_id(1)])
    assert changes.find_automatic_group(make_id(2)) is automatic
    changes.remove_from_group(automatic, [make_id(4)])
    assert changes.find_automatic_group(make_id(2)) is None


def test_a_group_that_loses_nobody_stays_as_it_is() -> None:
    siblings = group(3, (2,), (1, 4))
    changes = RosterChanges(SCHOOL, groups=[siblings])
    changes.remove_from_group(siblings, [make_id(9)])
    assert changes.groups[make_id(3)] is siblings

"""Tests of sibling links made by staff."""

from __future__ import annotations

from dataclasses import replace

from services.roster.domain.people import Link, Reason
from services.roster.domain.roster_changes import RosterChanges
from services.roster.domain.siblings import link_families, unlink_siblings
from tests.unit.roster.builders import SCHOOL, Ids, group, make_id, parent, student


def test_linking_gives_every_parent_every_child_with_reason_and_group() -> None:
    separated = {(make_id(2), make_id(12)), (make_id(2), make_id(99))}
    changes = RosterChanges(
        SCHOOL, [student(11), student(12), student(13)], [parent(2, 11), parent(3, 12)], separated=separated
    )
    linked = link_families(changes, [make_id(3), make_id(2)], [make_id(13)], Ids(50))
    assert linked == replace(group(50, (2, 3), (11, 12, 13)), version=0)
    assert changes.groups == {make_id(50): linked}
    assert changes.parents[make_id(2)].links == (
        Link(make_id(11)),
        Link(make_id(12), reason=Reason.LINKED_BY_STAFF, sibling_group_id=make_id(50)),
        Link(make_id(13), reason=Reason.LINKED_BY_STAFF, sibling_group_id=make_id(50)),
    )
    assert {link.student_id for link in changes.parents[make_id(3)].links} == {
        make_id(11),
        make_id(12),
        make_id(13),
    }
    assert changes.separated == {(make_id(2), make_id(99))}


def _linked() -> RosterChanges:
    """Return a roster whose parents 2 (child 11) and 3 (children 12 and 13) were linked in group 50."""
    changes = RosterChanges(
        SCHOOL, [student(11), student(12), student(13)], [parent(2, 11), parent(3, 12, 13)]
    )
    link_families(changes, [make_id(2), make_id(3)], (), Ids(50))
    return changes


def _children(changes: RosterChanges, number: int) -> set[int]:
    return {link.student_id.int for link in changes.parents[make_id(number)].links}


def test_unlinking_a_group_ends_all_that_it_gave_and_no_rule_gives_it_again() -> None:
    changes = _linked()
    unlink_siblings(changes, changes.groups[make_id(50)])
    assert (_children(changes, 2), _children(changes, 3)) == ({11}, {12, 13})
    assert changes.groups == {}
    assert changes.separated == {
        (make_id(2), make_id(12)),
        (make_id(2), make_id(13)),
        (make_id(3), make_id(11)),
    }


def test_a_student_who_leaves_is_lost_by_the_other_parents() -> None:
    changes = _linked()
    unlink_siblings(changes, changes.groups[make_id(50)], [make_id(12)])
    assert (_children(changes, 2), _children(changes, 3)) == ({11, 13}, {11, 12, 13})
    assert changes.groups[make_id(50)].student_ids == (make_id(11), make_id(13))
    assert changes.separated == {(make_id(2), make_id(12))}


def test_a_parent_whose_own_children_all_leave_loses_the_other_children() -> None:
    changes = _linked()
    unlink_siblings(changes, changes.groups[make_id(50)], [make_id(12), make_id(13)])
    assert (_children(changes, 2), _children(changes, 3)) == ({11}, {12, 13})
    assert changes.groups == {}


def test_links_to_students_outside_the_group_are_no_own_children_in_it() -> None:
    changes = _linked()
    outside = Link(make_id(77))
    changes.put_parent(changes.parents[make_id(2)].with_link(outside))
    unlink_siblings(changes, changes.groups[make_id(50)], [make_id(11)])
    assert _children(changes, 2) == {11, 77}
    assert _children(changes, 3) == {12, 13}


def test_a_parent_without_own_children_in_the_group_loses_only_those_that_leave() -> None:
    changes = _linked()
    without_own = replace(
        parent(4), links=tuple(Link(make_id(child), sibling_group_id=make_id(50)) for child in (11, 12, 13))
    )
    changes.put_parent(without_own)
    siblings = replace(changes.groups[make_id(50)], parent_ids=(make_id(2), make_id(3), make_id(4)))
    unlink_siblings(changes, siblings, [make_id(12)])
    assert _children(changes, 4) == {11, 13}


def test_a_parent_who_loses_nothing_stays_as_it_is() -> None:
    changes = _linked()
    unrelated = parent(4, 11)
    changes.put_parent(unrelated)
    siblings = replace(changes.groups[make_id(50)], parent_ids=(make_id(4),))
    unlink_siblings(changes, siblings, [make_id(12)])
    assert changes.parents[make_id(4)] is unrelated

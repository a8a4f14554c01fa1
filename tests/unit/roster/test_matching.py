"""Tests of the matching rule on a roster in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.roster.domain.matching import PlacementResult, place_parent, place_student
from services.roster.domain.parsed_rows import ParsedParent, ParsedStudent
from services.roster.domain.people import Reason, SchoolContactContext
from services.roster.domain.roster_changes import Change, RosterChanges
from services.roster.domain.siblings import link_families, unlink_siblings
from tests.unit.roster.builders import (
    EMAIL,
    OTHER_EMAIL,
    OTHER_PHONE,
    PHONE,
    SCHOOL,
    Ids,
    email,
    make_id,
    parent,
    phone,
    shared,
    student,
)


def add(changes: RosterChanges, ids: Ids, name: str, parents: tuple[ParsedParent, ...]) -> PlacementResult:
    return place_student(changes, ParsedStudent(name, parents=parents), None, ids)


CONTACTS = st.tuples(st.sampled_from([PHONE, OTHER_PHONE, None]), st.sampled_from([EMAIL, OTHER_EMAIL, None]))


@given(
    st.lists(CONTACTS, min_size=1, max_size=6).flatmap(
        lambda contacts: st.tuples(st.just(contacts), st.permutations(contacts))
    )
)
def test_c4_c5_any_order_of_the_same_students_gives_the_same_families(
    orders: tuple[list[tuple[str | None, str | None]], list[tuple[str | None, str | None]]],
) -> None:
    shapes = []
    for order in orders:
        changes, ids = RosterChanges(SCHOOL), Ids()
        for number, address in order:
            add(changes, ids, "Kind", shared(number, address))
        shapes.append(
            sorted(
                (sorted(contact.address for contact in parent.contacts), len(parent.links))
                for parent in changes.parents.values()
            )
        )
        complete = {(number, address) for number, address in order if number and address}
        assert sum(1 for parent in changes.parents.values() if parent.family_key) == len(complete)
        assert all(len(group.student_ids) >= 2 for group in changes.groups.values())
    assert shapes[0] == shapes[1]


def test_c1_c3_the_four_fields_make_one_linked_record() -> None:
    changes = RosterChanges(SCHOOL)
    result = add(changes, Ids(), "Mia", shared(PHONE, EMAIL, "Hans Muster", "Anna Muster"))
    [parent] = changes.parents.values()
    assert (parent.name, parent.links[0].relation) == ("Hans & Anna Muster", "parents")
    assert result.parent_ids == [parent.parent_id]


def test_c6_a_second_spelling_changes_no_name_and_a_third_name_changes_nothing() -> None:
    changes, ids = RosterChanges(SCHOOL), Ids()
    add(changes, ids, "Mia", shared(PHONE, EMAIL, "Hans Muster", "Anna Muster"))
    add(changes, ids, "Leo", shared(PHONE, EMAIL, "Hans", ""))
    add(changes, ids, "Zoe", shared(PHONE, EMAIL, "Karl Other", ""))
    [parent] = changes.parents.values()
    assert parent.names == ("Hans Muster", "Anna Muster")
    assert len(parent.links) == 3


def test_the_same_entry_again_changes_nothing() -> None:
    changes, ids = RosterChanges(SCHOOL), Ids()
    parents = (
        ParsedParent(("Anna Muster",), "mother", PHONE, EMAIL),
        ParsedParent(("Ben Muster",), "father", None, EMAIL),
        ParsedParent(("Oma",)),
    )
    row = ParsedStudent("Mia", parents=parents)
    first = place_student(changes, row, None, ids)
    before = dict(changes.parents)
    again = place_student(changes, row, first.student_id, ids)
    assert (changes.parents, again.has_changes, again.parents_added) == (before, False, 0)


def test_a_file_completes_a_parent_of_the_same_student() -> None:
    changes, ids = RosterChanges(SCHOOL), Ids()
    first = add(changes, ids, "Mia", (ParsedParent(("Anna Muster",), email=EMAIL),))
    row = ParsedStudent("Mia", parents=(ParsedParent(("Anna Muster",), phone=PHONE, email=EMAIL),))
    place_student(changes, row, first.student_id, ids)
    [parent] = changes.parents.values()
    assert parent.family_key == f"{PHONE} {EMAIL}"
    assert len(parent.contacts) == 2


def test_s1_every_link_states_its_reason_and_can_be_undone() -> None:
    changes, ids = RosterChanges(SCHOOL), Ids()
    add(changes, ids, "Mia", shared(PHONE, EMAIL))
    second = add(changes, ids, "Leo", shared(PHONE, EMAIL))
    [parent] = changes.parents.values()
    assert [link.reason for link in parent.links] == [Reason.ENTERED, Reason.SAME_CONTACTS]
    [group] = changes.groups.values()
    unlink_siblings(changes, group)
    [parent] = changes.parents.values()
    assert len(parent.links) == 1
    assert changes.groups == {}
    again = place_student(changes, ParsedStudent("Leo", parents=shared(PHONE, EMAIL)), second.student_id, ids)
    assert (again.siblings_linked, again.parents_added) == (0, 0)


@given(st.integers(2, 4))
def test_undoing_a_link_of_staff_leaves_what_was_before(families: int) -> None:
    changes, ids = RosterChanges(SCHOOL), Ids()
    for i in range(families):
        add(changes, ids, f"Kind {i}", (ParsedParent((f"Adult {i}",), email=f"a{i}@example.com"),))
    before = dict(changes.parents)
    group = link_families(changes, list(before), (), ids)
    assert all(len(parent.links) == families for parent in changes.parents.values())
    unlink_siblings(changes, group)
    assert changes.parents == before


def test_each_change_is_one_event() -> None:
    changes, ids = RosterChanges(SCHOOL), Ids()
    add(changes, ids, "Mia", shared(PHONE, EMAIL))
    [parent] = changes.parents.values()
    assert [item.change for item in changes.diff().parents.changes] == [Change.PARENT_ADDED]
    loaded = RosterChanges(SCHOOL, parents=[parent])
    assert loaded.diff().parents.changes == []
    loaded.remove_parent(parent.parent_id)
    assert [item.change for item in loaded.diff().parents.changes] == [Change.PARENT_REMOVED]
    again = RosterChanges(SCHOOL, parents=[parent])
    add(again, ids, "Leo", shared(PHONE, EMAIL, "Hans", "Anna"))
    diff = again.diff()
    assert [item.change for item in diff.parents.changes] == [
        Change.PARENT_RENAMED,
        Change.PARENT_ACCESS_CHANGED,
    ]
    assert [item.change for item in diff.groups.changes] == [Change.SIBLINGS_LINKED]
    [group] = again.groups.values()
    linked = RosterChanges(SCHOOL, parents=again.parents.values(), groups=[group])
    unlink_siblings(linked, group)
    assert [item.change for item in linked.diff().groups.changes] == [Change.SIBLINGS_UNLINKED]


KEY = f"{PHONE} {EMAIL}"


def test_a_new_student_has_all_that_was_given_and_a_match_key() -> None:
    changes = RosterChanges(SCHOOL)
    parsed = ParsedStudent("Mia Muster", "Mia", "Muster", None, "3b", date(2015, 8, 31))
    result = place_student(changes, parsed, None, Ids(7))
    assert result == PlacementResult(make_id(7), is_new_student=True, has_changes=True)
    added = changes.students[make_id(7)]
    assert (added.name, added.first_name, added.last_name) == ("Mia Muster", "Mia", "Muster")
    assert (added.number, added.class_name, added.birth_date) == (None, "3b", date(2015, 8, 31))
    assert (added.match_key, added.version) == ("mia muster||3b", 0)


def test_a_result_begins_without_any_outcome() -> None:
    result = PlacementResult(make_id(7))
    assert (result.parent_ids, result.is_new_student, result.has_changes) == ([], False, False)
    assert (result.parents_added, result.siblings_linked) == (0, 0)


def test_a_known_student_takes_new_values_and_loses_none_to_blanks() -> None:
    full = replace(
        student(7, "Mia Muster", version=4),
        first_name="Mia",
        last_name="Muster",
        number="1",
        class_name="3b",
        birth_date=date(2015, 8, 31),
        match_key="m",
    )
    changes = RosterChanges(SCHOOL, [full])
    same = place_student(changes, ParsedStudent("Mia Muster"), full.student_id, Ids())
    assert (same.is_new_student, same.has_changes) == (False, False)
    assert changes.students[full.student_id] == full
    parsed = ParsedStudent("Mia Weber", "Mi", "Weber", "2", "4b", date(2015, 9, 1))
    result = place_student(changes, parsed, full.student_id, Ids())
    assert (result.student_id, result.has_changes) == (full.student_id, True)
    assert changes.students[full.student_id] == replace(
        full,
        name="Mia Weber",
        first_name="Mi",
        last_name="Weber",
        number="2",
        class_name="4b",
        birth_date=date(2015, 9, 1),
    )


def test_a_new_parent_has_its_contacts_the_link_and_the_family_key() -> None:
    changes = RosterChanges(SCHOOL, [student(7)])
    result = PlacementResult(make_id(7))
    parsed = ParsedParent(("Anna Muster",), "mother", PHONE, EMAIL, "fr")
    place_parent(changes, result, parsed, Ids(20))
    [added] = changes.parents.values()
    assert (added.parent_id, added.names, added.language) == (make_id(20), ("Anna Muster",), "fr")
    assert added.contacts == (email(EMAIL, 21), phone(PHONE, 22))
    assert [(link.student_id, link.relation, link.reason) for link in added.links] == [
        (make_id(7), "mother", Reason.ENTERED)
    ]
    assert added.family_key == KEY
    assert (result.parents_added, result.siblings_linked, result.has_changes) == (1, 0, True)


def test_c4_a_family_of_another_student_is_found_and_becomes_siblings() -> None:
    record = parent(20, 7, name="Anna Muster", contacts=(email(), phone()), family_key=KEY)
    changes = RosterChanges(SCHOOL, [student(7), student(8), student(9)], [record])
    results = []
    for number in (8, 9):
        result = PlacementResult(make_id(number))
        place_parent(changes, result, ParsedParent(("Anna",), "mother", PHONE, EMAIL), Ids(50))
        results.append((result.parent_ids, result.parents_added, result.siblings_linked, result.has_changes))
    assert results == [([record.parent_id], 0, 1, True)] * 2
    [group] = changes.groups.values()
    assert (group.automatic, group.version) == (True, 0)
    assert (group.parent_ids, group.student_ids) == ((make_id(20),), (make_id(7), make_id(8), make_id(9)))
    links = changes.parents[make_id(20)].links
    assert [(link.student_id, link.reason, link.sibling_group_id, link.relation) for link in links] == [
        (make_id(7), Reason.ENTERED, None, None),
        (make_id(8), Reason.SAME_CONTACTS, group.sibling_group_id, "mother"),
        (make_id(9), Reason.SAME_CONTACTS, group.sibling_group_id, "mother"),
    ]


def test_a_growing_group_keeps_its_version_for_the_difference() -> None:
    changes = RosterChanges(SCHOOL)
    ids = Ids()
    for name in ("Mia", "Leo"):
        add(changes, ids, name, shared(PHONE, EMAIL))
    [group] = changes.groups.values()
    loaded = RosterChanges(
        SCHOOL, changes.students.values(), changes.parents.values(), [group.with_version(6)]
    )
    add(loaded, ids, "Zoe", shared(PHONE, EMAIL))
    assert [item.version for item in loaded.diff().groups.changes] == [7]


def test_a_record_without_children_that_gets_its_first_is_no_sibling() -> None:
    childless = parent(20, contacts=(email(), phone()), family_key=KEY)
    changes = RosterChanges(SCHOOL, [student(8)], [childless])
    result = PlacementResult(make_id(8))
    place_parent(changes, result, ParsedParent(("Anna",), None, PHONE, EMAIL), Ids())
    assert (result.siblings_linked, changes.groups) == (0, {})
    assert [link.reason for link in changes.parents[make_id(20)].links] == [Reason.ENTERED]


def test_c6_a_third_adult_by_name_gets_a_record_without_the_family_key() -> None:
    couple = replace(
        parent(20, 7, contacts=(email(), phone()), family_key=KEY), names=("Anna Muster", "Ben Weber")
    )
    changes = RosterChanges(SCHOOL, [student(7), student(8)], [couple])
    result = PlacementResult(make_id(8))
    place_parent(changes, result, ParsedParent(("Carla Rossi",), None, PHONE, EMAIL), Ids(50))
    assert result.parent_ids == [make_id(50)]
    assert changes.parents[make_id(50)].family_key is None
    assert changes.parents[make_id(20)] == couple


def test_s1_a_family_that_staff_separated_is_not_linked_again() -> None:
    record = parent(20, 7, contacts=(email(), phone()), family_key=KEY)
    changes = RosterChanges(SCHOOL, [student(7), student(8)], [record], separated=[(make_id(20), make_id(8))])
    result = PlacementResult(make_id(8))
    place_parent(changes, result, ParsedParent(("Anna Muster",), None, PHONE, EMAIL), Ids())
    assert result == PlacementResult(make_id(8))
    assert list(changes.parents.values()) == [record]
    place_parent(changes, PlacementResult(make_id(9)), ParsedParent((), None, PHONE, EMAIL), Ids())
    assert len(changes.parents[make_id(20)].links) == 2


@pytest.mark.parametrize(
    ("parsed", "is_same"),
    [
        (ParsedParent(("muster ANNA",)), True),
        (ParsedParent(("Anna",), phone=OTHER_PHONE), False),
        (ParsedParent(("Anna",), phone=PHONE), True),
        (ParsedParent(("Anna",), email="MUSTER@example.com"), True),
        (ParsedParent((), email=EMAIL), True),
        (ParsedParent(("Ben",), email=EMAIL), False),
        (ParsedParent(("Ben", "Anna"), email=EMAIL), True),
        (ParsedParent((), email=OTHER_EMAIL), False),
    ],
)
def test_a_parent_of_the_same_student_is_found_by_name_or_by_contact_and_compatible_name(
    parsed: ParsedParent, is_same: bool
) -> None:
    record = parent(20, 7, contacts=(email(), phone()))
    changes = RosterChanges(SCHOOL, [student(7)], [record])
    result = PlacementResult(make_id(7))
    place_parent(changes, result, parsed, Ids(50))
    assert (result.parent_ids == [make_id(20)]) is is_same
    assert result.parents_added == (not is_same)


def test_a_nameless_parent_of_the_same_student_is_found_by_one_contact() -> None:
    changes = RosterChanges(SCHOOL, [student(7)], [parent(20, 7, name="", contacts=(email(),))])
    result = PlacementResult(make_id(7))
    place_parent(changes, result, ParsedParent(("Anna Muster",), None, PHONE, EMAIL), Ids(50))
    assert result.parent_ids == [make_id(20)]
    assert changes.parents[make_id(20)].names == ("Anna Muster",)
    assert changes.parents[make_id(20)].family_key == KEY


def test_an_entry_adds_language_and_contacts_and_blanks_remove_nothing() -> None:
    record = replace(parent(20, 7, contacts=(email(), phone()), family_key=KEY), language="de")
    changes = RosterChanges(SCHOOL, [student(7)], [record])
    blank = PlacementResult(make_id(7))
    place_parent(changes, blank, ParsedParent(("Anna Muster",)), Ids())
    assert (blank.has_changes, changes.parents[make_id(20)]) == (False, record)
    result = PlacementResult(make_id(7))
    place_parent(
        changes, result, ParsedParent(("Anna Muster",), None, OTHER_PHONE, OTHER_EMAIL, "fr"), Ids(60)
    )
    changed = changes.parents[make_id(20)]
    assert (result.has_changes, changed.language) == (True, "fr")
    assert {contact.address for contact in changed.contacts} == {OTHER_PHONE, OTHER_EMAIL}
    assert changed.family_key == f"{OTHER_PHONE} {OTHER_EMAIL}"


@pytest.mark.parametrize(
    ("names", "before", "given", "after"),
    [
        (("Anna",), None, "mother", "mother"),
        (("Anna",), "mother", "guardian", "guardian"),
        (("Anna",), "mother", None, "mother"),
        (("Anna", "Ben"), "mother", "father", "parents"),
        (("Anna", "Ben"), None, "father", "father"),
    ],
)
def test_a_relation_is_replaced_or_becomes_parents_of_two_names(
    names: tuple[str, ...], before: str | None, given: str | None, after: str | None
) -> None:
    links = (replace(parent(20, 7).links[0], relation=before), parent(20, 8).links[0])
    record = replace(parent(20), names=names, links=links)
    changes = RosterChanges(SCHOOL, [student(7), student(8)], [record])
    place_parent(changes, PlacementResult(make_id(7)), ParsedParent((names[0],), given), Ids())
    assert [link.relation for link in changes.parents[make_id(20)].links] == [after, None]


def test_two_entries_of_one_record_are_one_parent_of_the_student() -> None:
    changes = RosterChanges(SCHOOL)
    parents = (ParsedParent(("Anna Muster",), "mother", PHONE, EMAIL), *shared(PHONE, EMAIL, "Ben Muster"))
    result = place_student(changes, ParsedStudent("Mia", parents=parents), None, Ids())
    assert (len(result.parent_ids), result.parents_added, result.siblings_linked) == (1, 1, 0)
    [record] = changes.parents.values()
    assert (record.names, record.links[0].relation) == (("Anna Muster", "Ben Muster"), "parents")


def test_s1_the_schools_own_contacts_identify_no_family() -> None:
    changes = RosterChanges(SchoolContactContext("CH", phone=PHONE))
    ids = Ids()
    for name in ("Mia", "Leo"):
        add(changes, ids, name, shared(PHONE, EMAIL))
    assert [record.family_key for record in changes.parents.values()] == [None, None]

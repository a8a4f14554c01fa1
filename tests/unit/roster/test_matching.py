"""The declared rule on a changes in memory: who is one family, whatever the order."""

import itertools
import json
from collections.abc import Iterator
from datetime import date
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.roster.domain.matching import PlacementResult, place_student
from services.roster.domain.parsed_rows import (
    ParsedParent,
    ParsedStudent,
    from_json_values,
    parent_from_classe365,
    to_json_values,
)
from services.roster.domain.people import Reason, SchoolContactContext
from services.roster.domain.roster_changes import Change, RosterChanges
from services.roster.domain.siblings import link_families, unlink_siblings

SCHOOL = SchoolContactContext("CH")
PHONE, OTHER_PHONE = "+41791234567", "+41797654321"
EMAIL, OTHER_EMAIL = "muster@example.com", "weber@example.com"


class Ids:
    """Ids in ascending order, which keep a failing example readable."""

    def __init__(self) -> None:
        self._numbers: Iterator[int] = itertools.count(1)

    def __call__(self) -> UUID:
        return UUID(int=next(self._numbers))


def shared(
    phone: str | None, email: str | None, father: str = "Hans", mother: str = ""
) -> tuple[ParsedParent, ...]:
    row = parent_from_classe365(father, mother, phone, email)
    return (row,) if row else ()


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
        for phone, email in order:
            add(changes, ids, "Kind", shared(phone, email))
        shapes.append(
            sorted(
                (sorted(contact.address for contact in parent.contacts), len(parent.links))
                for parent in changes.parents.values()
            )
        )
        complete = {(phone, email) for phone, email in order if phone and email}
        assert sum(1 for parent in changes.parents.values() if parent.family_key) == len(complete)
        assert all(len(group.student_ids) >= 2 for group in changes.groups.values())
    assert shapes[0] == shapes[1]


def test_c1_c3_the_four_fields_make_one_linked_record() -> None:
    changes = RosterChanges(SCHOOL)
    result = add(changes, Ids(), "Mia", shared(PHONE, EMAIL, "Hans Muster", "Anna Muster"))
    [parent] = changes.parents.values()
    assert (parent.name, parent.links[0].relation) == ("Hans & Anna Muster", "parents")
    assert result.parent_ids == [parent.parent_id]


def test_c1_four_blank_fields_make_no_record() -> None:
    assert parent_from_classe365("", "", None, None) is None


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


@pytest.mark.parametrize("born", [None, date(2015, 8, 31)])
def test_a_parsed_row_survives_staging(born: date | None) -> None:
    parents = (*shared(PHONE, EMAIL, "Hans", "Anna"), ParsedParent(("Eva",), "aunt", language="fr"))
    row = ParsedStudent("Mia", "Mi", "A", "1", "3b", born, parents)
    assert from_json_values(json.loads(json.dumps(to_json_values(row)))) == row

"""The declared rule on a register in memory: who is one family, whatever the order."""

import itertools
import json
from collections.abc import Iterator
from datetime import date
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.roster.domain.contacts import Surroundings
from services.roster.domain.entries import ParentEntry, StudentEntry, classe365_parent, of_plain, to_plain
from services.roster.domain.families import link_families, take_apart
from services.roster.domain.matching import Placed, place
from services.roster.domain.people import Reason
from services.roster.domain.register import Change, Register, group_change, parent_changes

SCHOOL = Surroundings("CH")
PHONE, OTHER_PHONE = "+41791234567", "+41797654321"
EMAIL, OTHER_EMAIL = "muster@example.com", "weber@example.com"


class Ids:
    """Ids in order, so that a failing example reads well."""

    def __init__(self) -> None:
        self._numbers: Iterator[int] = itertools.count(1)

    def __call__(self) -> UUID:
        return UUID(int=next(self._numbers))


def shared(
    phone: str | None, email: str | None, father: str = "Hans", mother: str = ""
) -> tuple[ParentEntry, ...]:
    entry = classe365_parent(father, mother, phone, email)
    return (entry,) if entry else ()


def add(register: Register, ids: Ids, name: str, parents: tuple[ParentEntry, ...]) -> Placed:
    return place(register, StudentEntry(name, parents=parents), None, ids)


CONTACTS = st.tuples(st.sampled_from([PHONE, OTHER_PHONE, None]), st.sampled_from([EMAIL, OTHER_EMAIL, None]))


@given(
    st.lists(CONTACTS, min_size=1, max_size=6).flatmap(
        lambda one: st.tuples(st.just(one), st.permutations(one))
    )
)
def test_c4_c5_any_order_of_the_same_pupils_gives_the_same_families(
    orders: tuple[list[tuple[str | None, str | None]], list[tuple[str | None, str | None]]],
) -> None:
    shapes = []
    for order in orders:
        register, ids = Register(SCHOOL), Ids()
        for phone, email in order:
            add(register, ids, "Kind", shared(phone, email))
        shapes.append(
            sorted(
                (sorted(contact.address for contact in parent.contacts), len(parent.links))
                for parent in register.parents.values()
            )
        )
        complete = {(phone, email) for phone, email in order if phone and email}
        assert sum(1 for parent in register.parents.values() if parent.key) == len(complete)
        assert all(len(group.student_ids) >= 2 for group in register.groups.values())
    assert shapes[0] == shapes[1]


def test_c1_c3_the_four_fields_make_one_linked_record() -> None:
    register = Register(SCHOOL)
    placed = add(register, Ids(), "Mia", shared(PHONE, EMAIL, "Hans Muster", "Anna Muster"))
    [parent] = register.parents.values()
    assert (parent.name, parent.links[0].relation) == ("Hans & Anna Muster", "parents")
    assert placed.parent_ids == [parent.parent_id]


def test_c1_four_blank_fields_make_no_record() -> None:
    assert classe365_parent("", "", None, None) is None


def test_c6_a_second_spelling_changes_no_name_and_a_third_name_changes_nothing() -> None:
    register, ids = Register(SCHOOL), Ids()
    add(register, ids, "Mia", shared(PHONE, EMAIL, "Hans Muster", "Anna Muster"))
    add(register, ids, "Leo", shared(PHONE, EMAIL, "Hans", ""))
    add(register, ids, "Zoe", shared(PHONE, EMAIL, "Karl Other", ""))
    [parent] = register.parents.values()
    assert parent.names == ("Hans Muster", "Anna Muster")
    assert len(parent.links) == 3


def test_the_same_entry_again_changes_nothing() -> None:
    register, ids = Register(SCHOOL), Ids()
    parents = (
        ParentEntry(("Anna Muster",), "mother", PHONE, EMAIL),
        ParentEntry(("Ben Muster",), "father", None, EMAIL),
        ParentEntry(("Oma",)),
    )
    entry = StudentEntry("Mia", parents=parents)
    first = place(register, entry, None, ids)
    before = dict(register.parents)
    again = place(register, entry, first.student_id, ids)
    assert (register.parents, again.changed, again.new_parents) == (before, False, 0)


def test_a_file_completes_a_parent_of_the_same_pupil() -> None:
    register, ids = Register(SCHOOL), Ids()
    first = add(register, ids, "Mia", (ParentEntry(("Anna Muster",), email=EMAIL),))
    told = StudentEntry("Mia", parents=(ParentEntry(("Anna Muster",), phone=PHONE, email=EMAIL),))
    place(register, told, first.student_id, ids)
    [parent] = register.parents.values()
    assert parent.key == f"{PHONE} {EMAIL}"
    assert len(parent.contacts) == 2


def test_decision1_every_link_states_its_reason_and_can_be_undone() -> None:
    register, ids = Register(SCHOOL), Ids()
    add(register, ids, "Mia", shared(PHONE, EMAIL))
    second = add(register, ids, "Leo", shared(PHONE, EMAIL))
    [parent] = register.parents.values()
    assert [link.reason for link in parent.links] == [Reason.ENTERED, Reason.SAME_CONTACTS]
    [group] = register.groups.values()
    take_apart(register, group)
    [parent] = register.parents.values()
    assert len(parent.links) == 1
    assert register.groups == {}
    again = place(register, StudentEntry("Leo", parents=shared(PHONE, EMAIL)), second.student_id, ids)
    assert (again.siblings, again.new_parents) == (0, 0)


@given(st.integers(2, 4))
def test_undoing_a_link_of_staff_leaves_what_was_before(families: int) -> None:
    register, ids = Register(SCHOOL), Ids()
    for i in range(families):
        add(register, ids, f"Kind {i}", (ParentEntry((f"Adult {i}",), email=f"a{i}@example.com"),))
    before = dict(register.parents)
    group = link_families(register, list(before), (), ids)
    assert all(len(parent.links) == families for parent in register.parents.values())
    take_apart(register, group)
    assert register.parents == before


def test_what_happened_is_told_one_fact_each() -> None:
    register, ids = Register(SCHOOL), Ids()
    add(register, ids, "Mia", shared(PHONE, EMAIL))
    [parent] = register.parents.values()
    assert parent_changes(None, parent) == [Change.PARENT_ADDED]
    assert parent_changes(parent, None) == [Change.PARENT_REMOVED]
    assert parent_changes(parent, parent) == []
    add(register, ids, "Leo", shared(PHONE, EMAIL, "Hans", "Anna"))
    [grown] = register.parents.values()
    assert parent_changes(parent, grown) == [Change.PARENT_RENAMED, Change.PARENT_ACCESS_CHANGED]
    [group] = register.groups.values()
    assert (group_change(None, group), group_change(group, None)) == (
        [Change.SIBLINGS_LINKED],
        [Change.SIBLINGS_UNLINKED],
    )


@pytest.mark.parametrize("born", [None, date(2015, 8, 31)])
def test_an_entry_survives_staging(born: date | None) -> None:
    adults = (*shared(PHONE, EMAIL, "Hans", "Anna"), ParentEntry(("Eva",), "aunt", language="fr"))
    entry = StudentEntry("Mia", "Mi", "A", "1", "3b", born, adults)
    assert of_plain(json.loads(json.dumps(to_plain(entry)))) == entry

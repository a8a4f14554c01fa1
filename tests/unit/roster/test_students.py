"""Tests of the use cases of students on a roster in memory."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from services.roster.domain.errors import Conflict, InvalidInput, NotFound
from services.roster.domain.people import School
from services.roster.domain.roster_changes import RosterChanges
from services.roster.spreadsheet.normalise import ParentInput, StudentInput
from services.roster.use_cases import students
from tests.unit.roster.builders import SCHOOL, email, make_id, parent, phone, student

SCHOOL_ID = make_id(1)
TX: Any = object()


@dataclass
class MemoryRoster:
    """Roster that the use cases load, and what they save."""

    changes: RosterChanges = field(default_factory=lambda: RosterChanges(SCHOOL))
    numbers: dict[str, UUID] = field(default_factory=dict)
    saved: bool = False
    invited: list[UUID] = field(default_factory=list)

    async def claim_school(self, *_: object) -> School:
        return School(SCHOOL_ID, "Seefeld", "CH", "de", "Europe/Zurich", "self_service")

    async def load_roster(self, *_: object, **__: object) -> RosterChanges:
        return self.changes

    async def find_by_number(self, _: object, __: UUID, number: str) -> UUID | None:
        return self.numbers.get(number)

    async def save_changes(
        self, _: object, __: UUID, changes: RosterChanges, ___: object, invite: Collection[UUID] = ()
    ) -> None:
        self.changes, self.saved, self.invited = changes, True, list(invite)


@pytest.fixture
def roster(monkeypatch: pytest.MonkeyPatch) -> MemoryRoster:
    memory = MemoryRoster()
    for name in ("claim_school", "load_roster", "find_by_number", "save_changes"):
        monkeypatch.setattr(students, name, getattr(memory, name))
    return memory


async def add(parents: tuple[ParentInput, ...], *, invite: bool) -> None:
    await students.add_student(TX, SCHOOL_ID, StudentInput("Mia", parents=parents), invite=invite, actor=None)


async def change(student_number: int, /, fields: set[str], **values: Any) -> None:
    await students.change_student(
        TX, SCHOOL_ID, make_id(student_number), StudentInput(**values), frozenset(fields), actor=None
    )


async def test_p8_p10_new_parents_are_invited_on_request_only(roster: MemoryRoster) -> None:
    await add((ParentInput("Anna"),), invite=False)
    assert (roster.invited, len(roster.changes.parents)) == ([], 1)
    await add((ParentInput("Ben"), ParentInput("Carla")), invite=True)
    assert roster.invited == list(roster.changes.parents)[1:]


async def test_a_parent_who_has_signed_up_is_not_invited(roster: MemoryRoster) -> None:
    contacts = (email(), phone())
    record = parent(2, contacts=contacts, family_key="+41791234567 muster@example.com")
    roster.changes.put_parent(replace(record, signed_up_at=datetime(2026, 11, 30, tzinfo=UTC)))
    await add((ParentInput("Anna", phone="0791234567", email="muster@example.com"),), invite=True)
    assert (roster.invited, roster.saved) == ([], True)


async def test_a_number_that_another_student_has_is_refused(roster: MemoryRoster) -> None:
    roster.numbers["7"] = make_id(12)
    with pytest.raises(Conflict):
        await students.add_student(TX, SCHOOL_ID, StudentInput("Mia", number="7"), invite=False, actor=None)
    roster.changes.put_student(student(11))
    with pytest.raises(Conflict):
        await change(11, {"number"}, number="7")
    assert not roster.saved
    roster.numbers["7"] = make_id(11)
    await change(11, {"number"}, number="7")
    assert roster.changes.students[make_id(11)].number == "7"


async def test_invalid_input_saves_nothing(roster: MemoryRoster) -> None:
    roster.changes.put_student(student(11))
    with pytest.raises(InvalidInput):
        await add((ParentInput(phone="12"),), invite=False)
    with pytest.raises(InvalidInput):
        await change(11, {"name"}, name="")
    with pytest.raises(InvalidInput):
        await students.add_parent(TX, SCHOOL_ID, make_id(11), ParentInput(), invite=True, actor=None)
    assert not roster.saved


@pytest.mark.parametrize(
    ("fields", "values", "expected"),
    [
        ({"first_name"}, {"first_name": "Mi"}, ("Mi Muster", "Mi", "Muster")),
        ({"last_name"}, {"last_name": "Weber"}, ("Mia Weber", "Mia", "Weber")),
        ({"name"}, {"name": "Zoe"}, ("Zoe", None, None)),
        ({"name", "first_name"}, {"name": "Zoe", "first_name": "Zo"}, ("Zoe", "Zo", None)),
        ({"class_name"}, {"class_name": "4b", "name": "ignored"}, ("Mia Muster", "Mia", "Muster")),
    ],
)
async def test_a_new_name_replaces_its_parts_and_a_new_part_makes_a_new_name(
    roster: MemoryRoster, fields: set[str], values: dict[str, str], expected: tuple[str | None, ...]
) -> None:
    roster.changes.put_student(replace(student(11), first_name="Mia", last_name="Muster", class_name="3b"))
    await change(11, fields, **values)
    after = roster.changes.students[make_id(11)]
    assert (after.name, after.first_name, after.last_name) == expected
    assert after.class_name == ("4b" if "class_name" in fields else "3b")


async def test_only_given_fields_change_and_a_null_clears_one(roster: MemoryRoster) -> None:
    roster.changes.put_student(replace(student(11), number="7", class_name="3b"))
    await change(11, {"number"}, number=None, class_name="ignored")
    after = roster.changes.students[make_id(11)]
    assert (after.number, after.class_name, after.name) == (None, "3b", "Mia Muster")


async def test_a_student_of_another_school_is_not_found(roster: MemoryRoster) -> None:
    with pytest.raises(NotFound):
        await change(11, {"number"}, number="7")
    with pytest.raises(NotFound):
        await students.remove_student(TX, SCHOOL_ID, make_id(11), actor=None)
    with pytest.raises(NotFound):
        await students.add_parent(TX, SCHOOL_ID, make_id(11), ParentInput("Anna"), invite=True, actor=None)


async def test_a_student_is_removed(roster: MemoryRoster) -> None:
    roster.changes.put_student(student(11))
    await students.remove_student(TX, SCHOOL_ID, make_id(11), actor=None)
    assert (roster.changes.students, roster.saved) == ({}, True)


async def test_a_parent_named_by_a_person_is_linked_again_although_staff_separated_them(
    roster: MemoryRoster,
) -> None:
    record = parent(2, 12, contacts=(email(), phone()), family_key="+41791234567 muster@example.com")
    roster.changes.put_student(student(11))
    roster.changes.put_parent(record)
    roster.changes.separated = {(make_id(2), make_id(11)), (make_id(2), make_id(13))}
    given = ParentInput("Anna Muster", phone="0791234567", email="muster@example.com")
    added = await students.add_parent(TX, SCHOOL_ID, make_id(11), given, invite=True, actor=None)
    assert added == students.AddedParent(make_id(2), matched=True)
    assert roster.invited == [make_id(2)]
    assert roster.changes.separated == {(make_id(2), make_id(13))}
    other = await students.add_parent(
        TX, SCHOOL_ID, make_id(11), ParentInput("Zoe"), invite=False, actor=None
    )
    assert (other.matched, roster.invited) == (False, [])

"""Tests of the entities: contacts, family keys, parent records and schools."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time
from uuid import UUID

import pytest

from services.roster.domain.people import (
    Contact,
    Link,
    Parent,
    School,
    SchoolContactContext,
    Student,
    make_family_key,
)
from services.roster.domain.text import NAMELESS
from shared.contracts.values import ContactKind
from tests.unit.roster.builders import (
    EMAIL,
    OTHER_EMAIL,
    PHONE,
    SCHOOL,
    Ids,
    email,
    group,
    make_id,
    parent,
    phone,
)


def test_s1_the_schools_own_contacts_make_no_family() -> None:
    school = SchoolContactContext("CH", phone="+41440001122", email="Office@School.ch")
    assert make_family_key("+41791234567", "a@example.com", school) == "+41791234567 a@example.com"
    assert make_family_key("+41440001122", "a@example.com", school) is None
    assert make_family_key("+41791234567", "office@school.ch", school) is None
    assert make_family_key(None, "a@example.com", school) is None
    assert make_family_key("+41791234567", None, school) is None


def test_c4_a_family_key_ignores_the_case_of_the_address() -> None:
    assert make_family_key(PHONE, "Muster@Example.com", SCHOOL) == f"{PHONE} muster@example.com"
    contact = Contact(make_id(1), ContactKind.EMAIL, "Muster@Example.com")
    assert (contact.key, contact.preferred, contact.verified) == ("muster@example.com", True, False)


def test_a_school_has_defaults_and_its_contact_context() -> None:
    school = School(
        make_id(1), "Seefeld", "CH", "de", "Europe/Zurich", "self_service", phone=PHONE, email=EMAIL
    )
    assert (school.invitation_lifetime_days, school.reminder_days, school.version) == (7, (3, 6), 0)
    assert (school.quiet_from, school.quiet_until) == (time(20), time(8))
    assert school.contact_context == SchoolContactContext("CH", PHONE, EMAIL)


def test_another_version_is_the_only_difference() -> None:
    student = Student(make_id(1), "Mia Muster", "Mia", "Muster", "7", "3b", date(2015, 8, 31), "m", 4)
    assert student.with_version(5) == replace(student, version=5)
    record = replace(parent(2, 1, contacts=(email(),), family_key="k", version=4), language="fr")
    assert record.with_version(9) == replace(record, version=9)
    siblings = group(3, (2,), (1, 4), version=4)
    assert siblings.with_version(5) == replace(siblings, version=5)
    assert Student(make_id(1), "Mia").version == Parent(make_id(2), ()).version == 0


def test_keys_and_names_come_from_the_names() -> None:
    assert Student(make_id(1), "Muster, Mia").name_key == "mia muster"
    assert parent(1, name="").name == NAMELESS
    assert replace(parent(1), names=("Anna Muster", "Ben Muster")).name == "Anna & Ben Muster"


def test_a_link_is_added_once_and_found() -> None:
    record = parent(1, 11)
    link = Link(make_id(12), "mother")
    linked = record.with_link(link)
    assert linked.links == (Link(make_id(11)), link)
    assert linked.find_link(make_id(12)) is link
    assert record.find_link(make_id(12)) is None
    assert linked.with_link(Link(make_id(11), "aunt")) is linked
    assert linked.without_links([make_id(11)]).links == (link,)
    assert linked.without_links([]) == linked


def test_the_preferred_contact_is_the_marked_one_else_the_first_of_its_kind() -> None:
    first, second = email(EMAIL, 1, preferred=False), email(OTHER_EMAIL, 2)
    assert parent(1, contacts=(first, second)).find_preferred(ContactKind.EMAIL) is second
    only_unmarked = parent(1, contacts=(phone(), first, email(OTHER_EMAIL, 2, preferred=False)))
    assert only_unmarked.find_preferred(ContactKind.EMAIL) is first
    assert parent(1, contacts=(phone(),)).find_preferred(ContactKind.EMAIL) is None


def test_the_family_key_is_made_of_the_preferred_contacts() -> None:
    contacts = (email(OTHER_EMAIL, 1, preferred=False), email(EMAIL, 2), phone())
    assert parent(1, contacts=contacts).make_family_key(SCHOOL) == f"{PHONE} {EMAIL}"
    assert parent(1, contacts=(phone(),)).make_family_key(SCHOOL) is None
    assert parent(1, contacts=(email(),)).make_family_key(SCHOOL) is None


def test_an_entered_address_replaces_the_preferred_one_of_its_kind() -> None:
    first, second, number = email("a@example.com", 1, preferred=False), email(EMAIL, 2), phone()
    record = parent(1, contacts=(first, second, number))
    changed = record.with_contact(make_id(9), ContactKind.EMAIL, OTHER_EMAIL)
    assert changed.contacts == (first, number, email(OTHER_EMAIL, 9))
    assert record.with_contact(make_id(9), ContactKind.EMAIL, "A@Example.com") is record
    # The same text as a contact of the other kind is another contact.
    assert len(parent(1, contacts=(number,)).with_contact(make_id(9), ContactKind.EMAIL, PHONE).contacts) == 2


def test_p17_a_list_of_contacts_keeps_ids_and_verification_of_those_that_stay() -> None:
    verified = replace(email(EMAIL, 1), verified=True)
    record = parent(1, contacts=(verified, phone()))
    changed = record.with_contacts(
        [(ContactKind.EMAIL, OTHER_EMAIL, True), (ContactKind.EMAIL, "MUSTER@example.com", False)], Ids(9)
    )
    assert changed.contacts == (
        email(OTHER_EMAIL, 9),
        replace(verified, address="MUSTER@example.com", preferred=False),
    )


@pytest.mark.parametrize(
    ("marks", "preferred"), [((False, False), 0), ((False, True), 1), ((True, True), 0), ((True, False), 0)]
)
def test_one_contact_of_a_kind_is_preferred(marks: tuple[bool, bool], preferred: int) -> None:
    wanted = [(ContactKind.EMAIL, f"{i}@example.com", mark) for i, mark in enumerate(marks)]
    wanted.append((ContactKind.PHONE, PHONE, False))
    contacts = parent(1).with_contacts(wanted, Ids()).contacts
    assert [contact.preferred for contact in contacts] == [preferred == 0, preferred == 1, True]


def test_an_address_that_is_listed_twice_is_one_contact() -> None:
    wanted = [(ContactKind.EMAIL, EMAIL, False), (ContactKind.EMAIL, EMAIL.upper(), True)]
    assert [contact.address for contact in parent(1).with_contacts(wanted, Ids()).contacts] == [EMAIL]


def test_a_preferred_address_is_replaced_or_removed() -> None:
    spare, preferred, number = email("spare@example.com", 1, preferred=False), email(EMAIL, 2), phone()
    record = parent(1, contacts=(spare, preferred, number))
    replaced = record.with_preferred(ContactKind.EMAIL, OTHER_EMAIL, Ids(9))
    assert replaced.contacts == (spare, email(OTHER_EMAIL, 9), number)
    removed = record.with_preferred(ContactKind.EMAIL, None, Ids(9))
    assert removed.contacts == (replace(spare, preferred=True), number)
    added = parent(1, contacts=(number,)).with_preferred(ContactKind.EMAIL, EMAIL, Ids(9))
    assert added.contacts == (email(EMAIL, 9), number)


def test_a_new_preferred_address_leaves_the_marks_of_the_other_kind() -> None:
    second_number = phone("+41797654321", 3, preferred=True)
    record = parent(1, contacts=(phone(PHONE, 2, preferred=False), second_number, email()))
    changed = record.with_preferred(ContactKind.EMAIL, OTHER_EMAIL, Ids(9))
    assert changed.find_preferred(ContactKind.PHONE) == second_number


def test_ids_are_compared_by_value() -> None:
    assert parent(1).find_link(UUID(int=11)) is None
    assert parent(1, 11).find_link(UUID(int=11)) == Link(make_id(11))

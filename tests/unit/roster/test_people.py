"""Tests of the entities: contacts, family keys, parent records and schools."""

from __future__ import annotations

from services.roster.domain.people import SchoolContactContext, make_family_key


def test_s1_the_schools_own_contacts_make_no_family() -> None:
    school = SchoolContactContext("CH", phone="+41440001122", email="Office@School.ch")
    assert make_family_key("+41791234567", "a@example.com", school) == "+41791234567 a@example.com"
    assert make_family_key("+41440001122", "a@example.com", school) is None
    assert make_family_key("+41791234567", "office@school.ch", school) is None
    assert make_family_key(None, "a@example.com", school) is None
    assert make_family_key("+41791234567", None, school) is None

"""Tests of names as people type them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.roster.domain.text import (
    NAMELESS,
    TextError,
    clean,
    is_placeholder,
    join_names,
    may_be_same_person,
    merge_names,
    name_key,
    split_names,
)


@given(st.text(max_size=300))
def test_cleaning_is_final_and_lets_nothing_through_that_ends_a_line(text: str) -> None:
    try:
        cleaned = clean(text)
    except TextError:
        return
    assert clean(cleaned) == cleaned
    assert len(cleaned) <= 200
    assert not set(cleaned) & set("\r\n\t\x00\x1b\x85\u2028\u202e")


@given(st.text(alphabet="abcäöüé -'", max_size=30))
def test_a_names_key_ignores_case_accents_and_order(name: str) -> None:
    assert name_key(name) == name_key(" ".join(reversed(name.upper().split()))) or "ß" in name
    assert may_be_same_person(name, name)


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("Anna Muster", ("Anna Muster",)),
        ("Anna & Ben Muster", ("Anna Muster", "Ben Muster")),
        ("Anna Muster & Ben Weber", ("Anna Muster", "Ben Weber")),
        ("Anna und Ben", ("Anna", "Ben")),
        ("Sandy Anders", ("Sandy Anders",)),
        ("A & B & C", ("A & B & C",)),
        ("", ()),
    ],
)
def test_c6_one_text_can_hold_two_names(name: str, names: tuple[str, ...]) -> None:
    assert split_names(name) == names


def test_c6_two_names_of_one_family_are_joined_shortly() -> None:
    assert join_names(("Anna Muster", "Ben Muster")) == "Anna & Ben Muster"
    assert join_names(("Anna Muster", "Ben Weber")) == "Anna Muster & Ben Weber"


def test_s7_a_nameless_record_discloses_nothing_about_a_student() -> None:
    assert join_names(()) == NAMELESS


def test_c6_a_record_carries_at_most_two_names() -> None:
    assert merge_names(("Anna",), ["Anna Muster", "Ben"]) == ("Anna Muster", "Ben")
    assert merge_names(("Anna Muster", "Ben"), ["anna MUSTER"]) == ("Anna Muster", "Ben")
    assert merge_names(("Anna", "Ben"), ["Carla"]) is None


@pytest.mark.parametrize("text", ["", " ", "n/a", "N/A", "none", "Unknown", "-", "null"])
def test_s1_placeholders_are_nothing(text: str) -> None:
    assert is_placeholder(text)

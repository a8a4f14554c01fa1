"""Tests of names as people type them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.roster.domain.text import (
    MAX_NAME,
    NAMELESS,
    TextError,
    clean,
    is_blank,
    is_placeholder,
    is_placeholder_address,
    is_placeholder_number,
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


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("  Anna   Muster ", "Anna Muster"),
        ("Zoe\u0301  Weber", "Zo\u00e9 Weber"),
        ("\u00a0Zo\u00e9\u00a0Weber", "Zo\u00e9 Weber"),
        ("x" * MAX_NAME, "x" * 200),
        ("\u00e9" * MAX_NAME, "\u00e9" * 200),
    ],
)
def test_text_is_trimmed_and_composed(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


@pytest.mark.parametrize(
    "text", ["a\nb", "a\tb", "a\x00b", "\u00e9\x7f", "a\u2028b", "a\u2029b", "a\u202eb", "a\u2066b", "\ud800"]
)
def test_control_characters_are_refused(text: str) -> None:
    with pytest.raises(TextError) as caught:
        clean(text)
    assert caught.value.code == "control_character"
    assert str(caught.value) == caught.value.message


def test_text_over_its_limit_is_refused() -> None:
    assert clean("x" * 5, limit=5) == "xxxxx"
    with pytest.raises(TextError) as caught:
        clean("x" * 6, limit=5)
    assert (caught.value.code, "5" in caught.value.message) == ("too_long", True)


@pytest.mark.parametrize(
    ("text", "blank"), [("", True), (" N/A ", True), ("k.a.", True), ("Nil", False), ("na", False)]
)
def test_first_and_last_names_that_are_words_for_nothing_stay(text: str, blank: bool) -> None:
    assert is_blank(text) is blank
    assert is_placeholder(text)


@pytest.mark.parametrize(
    ("digits", "expected"),
    [
        ("", False),
        ("0", True),
        ("5555555", True),
        ("5555556", False),
        ("123456", True),
        ("01234567890", True),
        ("1234560", False),
        ("791234567", False),
    ],
)
def test_s1_a_repeated_digit_or_counting_is_a_placeholder(digits: str, expected: bool) -> None:
    assert is_placeholder_number(digits) is expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("none@none.com", True),
        ("No-Mail@Example.com", True),
        ("x@mail.ch", True),
        ("none@muster.ch", False),
        ("anna@none.com", False),
        ("anna@example.com", False),
    ],
)
def test_s1_a_placeholder_address_has_a_placeholder_on_both_sides(address: str, expected: bool) -> None:
    assert is_placeholder_address(address) is expected


def test_a_name_key_has_sorted_words_without_accents_and_punctuation() -> None:
    assert name_key("Mu\u00f1oz-Weber, Zo\u00eb_Ann") == "ann munoz weber zoe"
    assert name_key("Anna & Ben") == "anna ben"


@pytest.mark.parametrize(
    ("name", "other", "expected"),
    [
        ("Anna", "Anna Muster", True),
        ("Muster Anna", "anna", True),
        ("Anna Muster", "Anna Weber", False),
        ("Anna", "Ben", False),
    ],
)
def test_names_may_be_of_one_person_if_one_has_all_words_of_the_other(
    name: str, other: str, expected: bool
) -> None:
    assert may_be_same_person(name, other) is expected


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Anna + Ben Muster", ("Anna Muster", "Ben Muster")),
        ("Anna and Ben Muster", ("Anna Muster", "Ben Muster")),
        ("Anna et Ben de Muster", ("Anna Muster", "Ben de Muster")),
        ("Anna Weber & Ben", ("Anna Weber", "Ben")),
        ("& Anna Muster", ("& Anna Muster",)),
        ("Ferdinand Anders", ("Ferdinand Anders",)),
        ("Anna+Ben", ("Anna+Ben",)),
    ],
)
def test_c6_a_shared_family_name_is_given_to_both(text: str, names: tuple[str, ...]) -> None:
    assert split_names(text) == names


@pytest.mark.parametrize(
    ("names", "joined"),
    [
        (("Anna Muster",), "Anna Muster"),
        (("Anna", "Ben"), "Anna & Ben"),
        (("Anna", "Ben Anna"), "Anna & Ben Anna"),
        (("Anna Maria Muster", "Ben Muster"), "Anna Maria & Ben Muster"),
        (("Anna Muster", "BenMuster"), "Anna Muster & BenMuster"),
    ],
)
def test_c6_the_name_of_a_record_joins_its_names(names: tuple[str, ...], joined: str) -> None:
    assert join_names(names) == joined


def test_of_two_spellings_the_one_with_more_words_stays() -> None:
    assert merge_names((), ["Anna"]) == ("Anna",)
    assert merge_names(("Ben", "Anna"), ["Anna Muster"]) == ("Ben", "Anna Muster")
    assert merge_names(("Anna Muster",), ["Muster Anna"]) == ("Anna Muster",)
    assert merge_names(("Anna Muster",), ["Anna"]) == ("Anna Muster",)
    assert merge_names(("Anna",), ["Ben", "Carla"]) is None
    assert merge_names(("Anna", "Ben"), []) == ("Anna", "Ben")

"""Usernames by Unicode's rules: invisible characters, mixed scripts, and the same look."""

from __future__ import annotations

import sys
import unicodedata

import pytest

from services.signup.domain.accounts import UsernameProblem
from services.signup.use_cases.check_username import find_username_problem, username_skeleton

# Characters of Unicode's property Default_Ignorable_Code_Point that are assigned and no format characters.
_IGNORABLE = [
    0x034F,
    0x115F,
    0x1160,
    0x17B4,
    0x17B5,
    0x180B,
    0x180C,
    0x180D,
    0x3164,
    0xFE00,
    0xFE0F,
    0xFFA0,
    0xE0100,
]


@pytest.mark.parametrize("code_point", _IGNORABLE)
def test_characters_that_nobody_sees_are_refused(code_point: int) -> None:
    assert find_username_problem(f"ana{chr(code_point)}silva") is UsernameProblem.ODD_CHARACTERS


def test_every_format_and_control_character_is_refused() -> None:
    hidden = [chr(code) for code in range(sys.maxunicode) if unicodedata.category(chr(code)) in ("Cc", "Cf")]
    assert len(hidden) > 200
    assert {find_username_problem(f"ana{character}silva") for character in hidden} == {
        UsernameProblem.ODD_CHARACTERS
    }


@pytest.mark.parametrize(
    "username",
    [
        "ana",
        "Ana.Silva",
        "ana+school@example.org",
        "straße",
        "Андрій",
        "андрій@example.org",
        "مريم",
        "प्रिया",
        "李小龍",
        "たろうユーザー",
        "김철수",
        "ana\u0301",
    ],
)
def test_words_of_one_script_are_accepted(username: str) -> None:
    assert find_username_problem(username) is None


@pytest.mark.parametrize("username", ["p\u0430ypal", "\u0410na", "an\u03b1", "مريم-silva", "silva.пётрa"])
def test_words_of_mixed_scripts_are_refused(username: str) -> None:
    assert find_username_problem(username) is UsernameProblem.MIXED_SCRIPTS


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("ace", "\u0430\u0441\u0435"),
        ("ACE", "\u0430\u0441\u0435"),
        ("ace", "\u0410\u0421\u0415"),
        ("anna1", "annal"),
        ("marna", "rnarna"),
        ("café", "cafe\u0301"),
        ("STRASSE", "straße"),
        ("ａｎａ", "ana"),
    ],
)
def test_usernames_that_look_the_same_are_one(first: str, second: str) -> None:
    assert username_skeleton(first) == username_skeleton(second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("ana", "anna"),
        ("ana.silva", "ana-silva"),
        ("мария", "марина"),
        ("李小龍", "李小虎"),
        ("cafe", "café"),
        ("abc", "abd"),
    ],
)
def test_usernames_that_look_different_are_two(first: str, second: str) -> None:
    assert username_skeleton(first) != username_skeleton(second)


def test_every_plain_character_keeps_apart_from_the_others() -> None:
    plain = "abcdefghijklmnopqrstuvwxyz0123456789.-_@+"
    skeletons = [username_skeleton(character) for character in plain]
    assert len(set(skeletons)) == len(plain) - 1, "only 1 and l look the same"

"""Rules for passwords."""

import pytest

from services.signup.domain.passwords import (
    MAX_LENGTH,
    KnownWords,
    PasswordProblem,
    clean_password,
    is_common,
    password_problem,
)
from services.signup.domain.personal_words import hide_words, split_address, split_words
from services.signup.http.pages import Pages
from services.signup.use_cases.hash_passwords import common_passwords


def _problem(password: str, username: str = "ana") -> PasswordProblem | None:
    return password_problem(
        password, known_words=KnownWords(username), min_length=12, common=common_passwords()
    )


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "Parents-meet-2026!",
        "four small green ships",
        "x7#Lq0!vR2@p",
        "отличный пароль семьи",
        "كلمة مرور طويلة",
        "837465920174",
        "    spaces count too    ",
        "kinvite-test-password-1",
        "a" * 20 + "lone wolf",
        "long " * 12 + "and a unique tail",
    ],
)
def test_long_and_uncommon_is_enough(password: str) -> None:
    assert _problem(password) is None


@pytest.mark.parametrize("length", [64, 128, MAX_LENGTH])
def test_at_least_64_characters_are_accepted(length: int) -> None:
    assert _problem(("kinvite opens doors; " * 100)[: length - 4] + "zebr") is None


@pytest.mark.parametrize(
    "password",
    [
        "password1234",
        "Password1234!",
        "passwordpassword",
        "qwertyuiop12",
        "1234567890123",
        "aaaaaaaaaaaa",
        "abcabcabcabc",
        "abcdefghijkl",
        "qwertzuiop1234",
        "ILOVEYOU2026!!",
        "...dragon...12",
        "Sommer2026!!",
    ],
)
def test_what_anybody_would_try_first_is_refused(password: str) -> None:
    assert _problem(password) is PasswordProblem.COMMON


@pytest.mark.parametrize(
    ("password", "problem"),
    [
        ("", PasswordProblem.MISSING),
        ("x7#Lq0!vR2@", PasswordProblem.TOO_SHORT),
        ("x" * (MAX_LENGTH + 1), PasswordProblem.TOO_LONG),
        ("four small\x00 ships", PasswordProblem.ODD_CHARACTERS),
        ("four small\ud800 ships", PasswordProblem.ODD_CHARACTERS),
    ],
)
def test_what_is_not_accepted_is_named(password: str, problem: PasswordProblem) -> None:
    assert _problem(password) is problem


def test_the_username_is_no_password() -> None:
    assert _problem("ANA.silva@example.org", "ana.silva@example.org") is PasswordProblem.HAS_USERNAME


def test_the_minimum_is_a_setting() -> None:
    assert (
        password_problem("x7#Lq0!vR2@p", known_words=KnownWords("ana"), min_length=15, common=frozenset())
        is PasswordProblem.TOO_SHORT
    )


SCHOOL = "École Saint-Exupéry"
KNOWN = KnownWords(
    username="ana@kastanien.example",
    school_name=SCHOOL,
    name_words=hide_words(split_words("Jo Müller-Søn"), "salt"),
    address_words=hide_words(split_address("katze.42@mail.example"), "salt"),
    salt="salt",
)


@pytest.mark.parametrize(
    ("password", "problem"),
    [
        ("ANA@kastanien.example", PasswordProblem.HAS_USERNAME),
        ("ana-kastanien-example 7", PasswordProblem.HAS_USERNAME),
        ("blue MULLER ships", PasswordProblem.HAS_NAME),
        ("blue müller ships", PasswordProblem.HAS_NAME),
        ("j.o. mueller-m u l l e r", PasswordProblem.HAS_NAME),
        ("83746-Jo-592017", PasswordProblem.HAS_NAME),
        ("four jolly green ships", None),
        ("blue Katze ships", PasswordProblem.HAS_ADDRESS),
        ("k.a.t.z.e.4.2.x.y", PasswordProblem.HAS_ADDRESS),
        ("blue EXUPERY ships", PasswordProblem.HAS_SCHOOL),
        ("ecole des fleurs 7", PasswordProblem.HAS_SCHOOL),
        ("four small green ships", None),
    ],
)
def test_what_strangers_can_know_of_a_parent_is_refused_inside_too(
    password: str, problem: PasswordProblem | None
) -> None:
    assert password_problem(password, known_words=KNOWN, min_length=12, common=frozenset()) is problem


def test_names_without_spaces_count_from_two_characters_on() -> None:
    words = KnownWords("parent", name_words=hide_words(split_words("李小龍"), "salt"), salt="salt")
    problem = password_problem("my 李小龍 and 7 ships", known_words=words, min_length=12, common=frozenset())
    assert problem is PasswordProblem.HAS_NAME


def test_hidden_words_show_nothing_and_differ_for_every_parent() -> None:
    first, second = (hide_words(split_words("Ana Silva"), salt) for salt in ("one", "two"))
    assert "silva" not in "".join(first)
    assert not set(first) & set(second)


def test_keyboards_that_compose_characters_differently_type_the_same_password() -> None:
    assert clean_password("cafe\u0301") == clean_password("caf\u00e9")


@pytest.mark.parametrize("language", sorted(Pages().texts))
def test_every_problem_has_a_text_on_the_page(language: str) -> None:
    texts = Pages().texts[language]
    assert {f"problem.{problem}" for problem in PasswordProblem} <= texts.keys()


@pytest.mark.parametrize(
    ("password", "is_listed"),
    [
        ("dragon", True),
        ("DRAGON", True),
        ("dragondragon", True),
        ("12!dragon 34", True),
        ("dragonfish", False),
        ("aa", True),
        ("abcde" * 2, True),
        ("abcdef" * 2, True),
        ("xkqzwv" * 2, False),
        ("xkqzw" * 2, True),
        ("abc" + "xyz", True),
        ("ab" + "xyz", False),
        ("zyx" + "0987", True),
        ("aaa" + "bbb", True),
        ("aab" + "bbb", False),
        ("yxcvbnm" + "lkjhgfdsa", True),
        ("azertyuiop" + "abc", True),
        ("abc" + "q", False),
        ("yzabcdef", True),
        ("890123", True),
        ("901234", True),
        ("321098", True),
        ("opqwerty", True),
        ("cbazyx", True),
        ("890134", False),
        ("!abcdefghijkl1", True),
        ("12ab34", False),
    ],
)
def test_lists_repetitions_and_runs_are_common(password: str, is_listed: bool) -> None:
    assert is_common(password, frozenset({"dragon"})) is is_listed


@pytest.mark.parametrize("row", ["1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "azertyuiop", "yxcvbnm"])
def test_whole_rows_of_keyboards_are_common_in_both_directions(row: str) -> None:
    assert is_common(row, frozenset())
    assert is_common(row[::-1], frozenset())


@pytest.mark.parametrize(
    ("length", "problem"),
    [
        (11, PasswordProblem.TOO_SHORT),
        (12, None),
        (1_000, None),
        (1_001, PasswordProblem.TOO_LONG),
    ],
)
def test_lengths_are_inclusive(length: int, problem: PasswordProblem | None) -> None:
    typed = ("kinvite opens doors; " * 100)[: length - 1] + "q"
    assert (
        password_problem(typed, known_words=KnownWords("ana"), min_length=12, common=frozenset()) is problem
    )


def test_without_a_username_no_password_equals_it() -> None:
    assert (
        password_problem("a", known_words=KnownWords(""), min_length=1, common=frozenset())
        is not PasswordProblem.HAS_USERNAME
    )


def test_the_username_in_another_form_is_still_the_username() -> None:
    assert (
        password_problem(
            "ＡＮＡ.silva-of-kinvite",
            known_words=KnownWords("ana.silva-of-kinvite"),
            min_length=12,
            common=frozenset(),
        )
        is PasswordProblem.HAS_USERNAME
    )

"""Rules for usernames."""

import pytest

from services.signup.domain.accounts import UsernameProblem, clean_username, username_key, username_problem
from services.signup.http.pages import Pages


@pytest.mark.parametrize(
    "username",
    [
        "ana",
        "Ana.Silva",
        "ana_silva-2",
        "ana@example.org",
        "ana+school@example.org",
        "Андрій",
        "مريم",
        "प्रिया",
        "李小龍",
    ],
)
def test_characters_of_any_script_are_accepted(username: str) -> None:
    assert username_problem(username) is None


@pytest.mark.parametrize(
    ("username", "problem"),
    [
        ("", UsernameProblem.MISSING),
        ("   ", UsernameProblem.MISSING),
        ("ab", UsernameProblem.TOO_SHORT),
        ("x" * 81, UsernameProblem.TOO_LONG),
        ("ana silva", UsernameProblem.ODD_CHARACTERS),
        ("-ana", UsernameProblem.ODD_CHARACTERS),
        ("ana\x00silva", UsernameProblem.ODD_CHARACTERS),
        ("ana\r\nBcc:", UsernameProblem.ODD_CHARACTERS),
        ("<script>", UsernameProblem.ODD_CHARACTERS),
        ("ana\u202esilva", UsernameProblem.ODD_CHARACTERS),
        ("ana\u200bsilva", UsernameProblem.ODD_CHARACTERS),
        ("ana\ud800", UsernameProblem.ODD_CHARACTERS),
        ("anna🙂", UsernameProblem.ODD_CHARACTERS),
    ],
)
def test_what_is_not_accepted_is_named(username: str, problem: UsernameProblem) -> None:
    assert username_problem(username) is problem


def test_case_width_and_spaces_around_make_no_other_username() -> None:
    assert username_key(" ANA.Silva ") == username_key("ana.silva") == username_key("ａｎａ．ｓｉｌｖａ")
    assert username_key(" ANA.Silva ") == "ana.silva"
    assert username_key("STRASSE") == username_key("straße")
    assert clean_username("  Ana ") == "Ana"


@pytest.mark.parametrize(
    ("length", "problem"),
    [
        (2, UsernameProblem.TOO_SHORT),
        (3, None),
        (80, None),
        (81, UsernameProblem.TOO_LONG),
    ],
)
def test_lengths_are_inclusive(length: int, problem: UsernameProblem | None) -> None:
    assert username_problem("x" * length) is problem


@pytest.mark.parametrize("mark", [".", "-", "_", "@", "+"])
def test_marks_are_accepted_but_not_first(mark: str) -> None:
    assert username_problem(f"ana{mark}silva") is None
    assert username_problem(f"{mark}ana") is UsernameProblem.ODD_CHARACTERS


@pytest.mark.parametrize("language", sorted(Pages().texts))
def test_every_problem_has_a_text_on_the_page(language: str) -> None:
    texts = Pages().texts[language]
    assert {f"problem.{problem}" for problem in UsernameProblem} <= texts.keys()

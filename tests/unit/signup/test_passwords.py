"""Rules for passwords, and their hashes."""

import pytest

from services.signup.domain.passwords import MAX_LENGTH, PasswordProblem, clean_password, password_problem
from services.signup.use_cases.hash_passwords import PasswordHasher, common_passwords


def _problem(password: str, username: str = "ana") -> PasswordProblem | None:
    return password_problem(password, username=username, min_length=12, common=common_passwords())


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
    assert _problem("ANA.silva@example.org", "ana.silva@example.org") is PasswordProblem.IS_USERNAME


def test_the_minimum_is_a_setting() -> None:
    assert (
        password_problem("x7#Lq0!vR2@p", username="ana", min_length=15, common=frozenset())
        is PasswordProblem.TOO_SHORT
    )


def test_the_list_holds_tens_of_thousands_and_no_comment() -> None:
    assert len(common_passwords()) > 30_000
    assert not any(word.startswith("# ") for word in common_passwords())


async def test_hashes_are_argon2id_with_the_set_cost_and_differ_each_time() -> None:
    async with PasswordHasher(memory_kibibytes=19 * 1024, passes=2, threads=1) as passwords:
        first, second = (
            await passwords.hash("four small green ships"),
            await passwords.hash("four small green ships"),
        )
        assert first.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
        assert first != second
        assert await passwords.matches(first, "four small green ships")
        assert not await passwords.matches(first, "four small green boats")
        assert not await passwords.matches(None, "a password that no account has")
        assert not await passwords.matches("no hash at all", "four small green ships")


def test_keyboards_that_compose_characters_differently_type_the_same_password() -> None:
    assert clean_password("cafe\u0301") == clean_password("caf\u00e9")

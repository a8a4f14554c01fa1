"""Hashes of passwords, and the list of common passwords."""

from __future__ import annotations

from services.signup.use_cases.hash_passwords import PasswordHasher, common_passwords


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

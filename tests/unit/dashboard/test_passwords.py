"""Password hashes."""

from __future__ import annotations

from services.dashboard.use_cases.passwords import hash_password, is_password


async def test_a_password_matches_its_hash_only() -> None:
    stored = await hash_password("correct horse battery")
    assert stored.startswith("$argon2id$")
    assert await is_password(stored, "correct horse battery")
    assert not await is_password(stored, "wrong")
    assert not await is_password("no hash", "wrong")


async def test_an_unknown_account_has_no_password() -> None:
    assert not await is_password(None, "no account has this password")

"""Password hashes: argon2id with 19 MiB, 2 passes and 1 lane (the OWASP minimum), computed off the event loop."""

from __future__ import annotations

import asyncio

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_UNKNOWN_ACCOUNT_HASH = _HASHER.hash("no account has this password")


async def hash_password(password: str) -> str:
    """Return the hash to store."""
    return await asyncio.to_thread(_HASHER.hash, password)


async def is_password(stored: str | None, password: str) -> bool:
    """Return whether the password matches the stored hash, or False for an unknown account (`stored` is None).

    It takes as long for an unknown account as for an existing one.
    """
    matches = await asyncio.to_thread(_verify, stored or _UNKNOWN_ACCOUNT_HASH, password)
    return matches and stored is not None


def _verify(stored: str, password: str) -> bool:
    try:
        return _HASHER.verify(stored, password)
    except (VerifyMismatchError, VerificationError, InvalidHashError):
        return False

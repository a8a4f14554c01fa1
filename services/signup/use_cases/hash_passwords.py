"""Hash and verify passwords outside of the event loop, and load the list of common passwords.

The list is `common_passwords.txt.gz` beside this file. Its first lines name its sources and licences.
"""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.resources import files
from types import TracebackType
from typing import Self, TypeVar

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

from services.signup.domain.passwords import clean_password

R = TypeVar("R")
# Its hash is verified where there is no account, so that an unknown username takes as long as a known one.
_UNUSED = "a password that no account has"


@cache
def common_passwords() -> frozenset[str]:
    """Return the common passwords in lower case. They are read once and take about 4 MiB of memory."""
    packed = files(__package__).joinpath("common_passwords.txt.gz").read_bytes()
    lines = gzip.decompress(packed).decode().splitlines()
    return frozenset(line for line in lines if not line.startswith("# "))


class PasswordHasher:
    """Hasher for argon2id with a few threads of its own, so that many sign-ups at once block neither loop nor memory.

    Each hash takes `memory_kibibytes` while it is computed. An async context manager; closing waits for running hashes.
    """

    def __init__(self, *, memory_kibibytes: int, passes: int, threads: int) -> None:
        self._hasher = argon2.PasswordHasher(time_cost=passes, memory_cost=memory_kibibytes, parallelism=1)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="argon2")
        self._hash_of_no_account = self._hasher.hash(_UNUSED)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._threads.shutdown()

    async def hash(self, password: str) -> str:
        """Return the argon2id hash of the password in its standard text format, which includes the salt."""
        return await self._run(self._hasher.hash, clean_password(password))

    async def matches(self, password_hash: str | None, password: str) -> bool:
        """Return whether the password belongs to the hash. Without a hash it takes as long and returns False."""
        stored = password_hash or self._hash_of_no_account
        is_match = await self._run(self._verify, stored, clean_password(password))
        return is_match and password_hash is not None

    def _verify(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[..., R], *arguments: str) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)

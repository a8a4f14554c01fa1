"""Hashing off the event loop, and the list of common passwords.

The list is `common_passwords.txt.gz` beside this file; its first lines name its sources and licences.
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

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from services.signup.domain.passwords import clean_password

R = TypeVar("R")
# The hash of a password that nobody has, so that an unknown username costs a sign-in as much time as a known one.
_NOBODY = "a password that no account has"


@cache
def common_passwords() -> frozenset[str]:
    """Common passwords in lower case; read once, about 4 MiB in memory."""
    packed = files(__package__).joinpath("common_passwords.txt.gz").read_bytes()
    lines = gzip.decompress(packed).decode().splitlines()
    return frozenset(line for line in lines if not line.startswith("# "))


class Passwords:
    """argon2id in a few threads of its own, so that a rush of sign-ups neither blocks the loop nor eats the memory.

    Each hash takes `memory_kibibytes` while it runs. An async context manager; closing waits for hashes in hand.
    """

    def __init__(self, *, memory_kibibytes: int, passes: int, threads: int) -> None:
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kibibytes, parallelism=1)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="argon2")
        self._nobody = self._hasher.hash(_NOBODY)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._threads.shutdown()

    async def hash(self, password: str) -> str:
        """The password's argon2id hash in its own text format, salt included."""
        return await self._run(self._hasher.hash, clean_password(password))

    async def matches(self, password_hash: str | None, password: str) -> bool:
        """Whether the password belongs to the hash; without a hash (nobody's) it takes as long and is False."""
        known = await self._run(self._verify, password_hash or self._nobody, clean_password(password))
        return known and password_hash is not None

    def _verify(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[..., R], *arguments: str) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)

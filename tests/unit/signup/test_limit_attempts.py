"""Rate limits of failed attempts."""

from __future__ import annotations

from services.signup.use_cases.digests import client_digest
from services.signup.use_cases.limit_attempts import admit_attempt, forgive_attempt, record_failed_attempt
from tests.unit.signup.memory_storage import MemoryStorage, MemoryTransaction


async def test_the_attempt_after_the_limit_is_over_it(storage: MemoryStorage, tx: MemoryTransaction) -> None:
    assert [await record_failed_attempt(tx, "192.0.2.7", limit=2) for _ in range(4)] == [
        False,
        False,
        True,
        True,
    ]
    assert not await record_failed_attempt(tx, "192.0.2.8", limit=2)


async def test_an_attempt_that_is_not_admitted_is_not_counted(
    storage: MemoryStorage, tx: MemoryTransaction
) -> None:
    assert [await admit_attempt(tx, "192.0.2.7 ana", limit=2) for _ in range(4)] == [True, True, False, False]
    assert storage.failed_attempts.counts == {client_digest("192.0.2.7 ana"): 2}


async def test_a_forgiven_attempt_does_not_count(storage: MemoryStorage, tx: MemoryTransaction) -> None:
    await admit_attempt(tx, "192.0.2.7 ana", limit=1)
    await forgive_attempt(tx, "192.0.2.7 ana")
    assert await admit_attempt(tx, "192.0.2.7 ana", limit=1)

"""Count failed attempts per client, which is an address or an address with a username."""

from __future__ import annotations

from services.signup.storage import failed_attempts
from services.signup.use_cases.digests import client_digest
from shared.runtime.database import Transaction


async def record_failed_attempt(tx: Transaction, client: str, limit: int) -> bool:
    """Count a failed attempt. Return whether the client has made more than `limit` within ten minutes."""
    digest = client_digest(client)
    await failed_attempts.add_failed_attempts(tx, digest)
    return await failed_attempts.count_failed_attempts(tx, digest) > limit


async def admit_attempt(tx: Transaction, client: str, limit: int) -> bool:
    """Count an attempt before it is checked, so that parallel attempts cannot exceed the limit.

    Return False, without counting, if the client has made `limit` attempts within ten minutes.
    """
    if await record_failed_attempt(tx, client, limit):
        await forgive_attempt(tx, client)
        return False
    return True


async def forgive_attempt(tx: Transaction, client: str) -> None:
    """Take back one counted attempt, because it was right after all."""
    await failed_attempts.add_failed_attempts(tx, client_digest(client), by=-1)

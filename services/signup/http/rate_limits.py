"""Rate limits on failed attempts: wrong links per address, wrong passwords per address and username."""

from __future__ import annotations

from fastapi import Request

from services.signup.domain.accounts import username_key
from services.signup.http.context import Context
from services.signup.http.forms import PageError, client_address
from services.signup.use_cases.limit_attempts import admit_attempt, forgive_attempt, record_failed_attempt


async def record_failure(context: Context, request: Request) -> None:
    """Count a wrong link or a failed sign-in against the address. Raises PageError 429 if it has made too many."""
    limit = context.settings.failed_attempts_per_10_minutes
    async with context.database.transaction(schools=()) as tx:
        is_over_limit = await record_failed_attempt(tx, client_address(request), limit)
    if is_over_limit:
        raise _too_many()


async def forgive_failure(context: Context, request: Request) -> None:
    """Take back a counted failure of the address."""
    async with context.database.transaction(schools=()) as tx:
        await forgive_attempt(tx, client_address(request))


async def admit_password(context: Context, request: Request, username: str) -> None:
    """Count a password for this username before it is verified. Raises PageError 429 if there were too many."""
    limit = context.settings.failed_passwords_per_10_minutes
    async with context.database.transaction(schools=()) as tx:
        is_admitted = await admit_attempt(tx, _client_and_username(request, username), limit)
    if not is_admitted:
        raise _too_many()


async def forgive_password(context: Context, request: Request, username: str) -> None:
    """Take back the count of a password that was right."""
    async with context.database.transaction(schools=()) as tx:
        await forgive_attempt(tx, _client_and_username(request, username))


def _client_and_username(request: Request, username: str) -> str:
    return f"{client_address(request)} {username_key(username)}"


def _too_many() -> PageError:
    return PageError(429, "too_many", {"retry-after": "600"})

"""Rate limits on failed attempts: wrong links per address, wrong passwords per address and username.

The use case of a sign-in takes back a right password.
"""

from __future__ import annotations

from datetime import timedelta

from fastapi import Request

from services.signup.domain.sign_in_limits import WaitPolicy
from services.signup.http.context import Context
from services.signup.http.forms import PageError, client_address
from services.signup.use_cases.admit_sign_in import Admitted, SignInLimits, admit_sign_in
from services.signup.use_cases.limit_attempts import forgive_attempt, record_failed_attempt


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


async def admit_password(context: Context, request: Request, username: str) -> Admitted | timedelta:
    """Count a sign-in before its password is verified, or return the time to wait before the next one."""
    settings = context.settings
    limits = SignInLimits(
        WaitPolicy(settings.free_failed_passwords, settings.longest_password_wait_seconds),
        WaitPolicy(settings.free_failed_passwords_per_username, settings.longest_username_wait_seconds),
        settings.failed_attempts_per_10_minutes,
    )
    browser = request.cookies.get(context.browser_cookie, "")
    async with context.database.transaction(schools=()) as tx:
        return await admit_sign_in(tx, client_address(request), username, browser, limits)


def _too_many() -> PageError:
    return PageError(429, "too_many", {"retry-after": "600"})

"""Count a sign-in before its password is checked, and make the next one wait longer after failures.

Three counts limit a browser that the account has not signed in with before: of its address, of its address with the
username, and of the username alone, whose waits are short. A browser in which the account has signed in before has a
count of its own, so that neither a stranger's failures nor those of a whole school's address stop the parent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from services.signup.domain.accounts import username_key
from services.signup.domain.sign_in_limits import WaitPolicy
from services.signup.storage import known_browsers, sign_in_limits
from services.signup.use_cases.digests import client_digest, secret_digest
from services.signup.use_cases.limit_attempts import admit_attempt, forgive_attempt
from shared.runtime.database import Transaction

_ADDRESS_WAIT = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class SignInLimits:
    """Waits per client and username, waits per username, and the attempts of an address in ten minutes."""

    client: WaitPolicy
    username: WaitPolicy
    attempts_of_address: int


@dataclass(frozen=True, slots=True)
class Admitted:
    """A counted sign-in: the counts that it is in, and its address if that counts it, too."""

    policies: Mapping[str, WaitPolicy]
    address: str | None


async def admit_sign_in(
    tx: Transaction, address: str, username: str, browser: str, limits: SignInLimits
) -> Admitted | timedelta:
    """Count the sign-in, or return the wait after which it may be repeated; it is not counted then.

    `address` is the client's, `browser` the secret of its cookie of known browsers, or empty. Counts stay locked until
    the transaction ends, so that parallel attempts wait for each other and each is counted.
    """
    admitted = await _choose_counts(tx, address, username, browser, limits)
    if admitted.address and not await admit_attempt(tx, admitted.address, limits.attempts_of_address):
        return _ADDRESS_WAIT
    counts = await sign_in_limits.lock_counts(tx, admitted.policies)
    wait = max(count.remaining_wait(tx.now) for count in counts.values())
    if wait:
        if admitted.address:
            await forgive_attempt(tx, admitted.address)
        return wait
    for digest, count in counts.items():
        await sign_in_limits.save_count(tx, count.with_attempt(admitted.policies[digest], tx.now))
    return admitted


async def forgive_sign_in(tx: Transaction, admitted: Admitted) -> None:
    """Take back a counted sign-in, because its password was right."""
    if admitted.address:
        await forgive_attempt(tx, admitted.address)
    for count in (await sign_in_limits.lock_counts(tx, admitted.policies)).values():
        await sign_in_limits.save_count(tx, count.without_attempt())


async def _choose_counts(
    tx: Transaction, address: str, username: str, browser: str, limits: SignInLimits
) -> Admitted:
    key = username_key(username)
    if (
        browser
        and "\x00" not in key
        and await known_browsers.is_known_browser(tx, secret_digest(browser), key)
    ):
        return Admitted({client_digest(f"browser {browser} {key}"): limits.client}, None)
    policies = {
        client_digest(f"client {address} {key}"): limits.client,
        client_digest(f"username {key}"): limits.username,
    }
    return Admitted(policies, address)

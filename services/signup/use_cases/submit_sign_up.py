"""Submit a sign-up: the parent chooses a username and a password on the page behind the invitation link."""

from __future__ import annotations

from dataclasses import dataclass

from services.signup.domain.accounts import NewAccount, clean_username, username_key
from services.signup.domain.links import Link, Submission
from services.signup.storage import accounts, submissions
from services.signup.use_cases.submit_on_link import (
    DeadLink,
    Submitted,
    claim_live_link,
    open_result,
    submit,
)
from shared.runtime.core import new_id
from shared.runtime.database import Transaction


@dataclass(frozen=True, slots=True)
class RepeatedSignUp:
    """An earlier sign-up on the same link, with the account that it reserves."""

    submission: Submission
    account: NewAccount


@dataclass(frozen=True, slots=True)
class UsernameTaken:
    """Refusal of a username that another account uses or reserves, or that looks like such a one."""


async def submit_sign_up(
    tx: Transaction, link: Link, username: str, skeleton: str, password_hash: str
) -> Submitted | RepeatedSignUp | UsernameTaken | DeadLink:
    """Reserve the username in a pending account, store a pending submission, and emit `SignUpSubmitted`.

    `skeleton` is equal for confusable usernames.
    If a sign-up on the link is pending or accepted already, change nothing and return that one.
    """
    claimed = await claim_live_link(tx, link)
    if isinstance(claimed, DeadLink):
        return claimed
    earlier = await submissions.find_open_submission(tx, claimed.link)
    if earlier is not None and earlier.account_id is not None:
        reserved = await accounts.find_account(tx, earlier.account_id)
        if reserved is not None:
            return RepeatedSignUp(earlier, reserved)
    account = NewAccount(new_id(), clean_username(username), username_key(username), password_hash, skeleton)
    if not await accounts.reserve_account(tx, account):
        return UsernameTaken()
    return await submit(tx, claimed, account.account_id)


async def join_earlier_sign_up(tx: Transaction, earlier: RepeatedSignUp, *, same_person: bool) -> Submitted:
    """Open a further result page of an earlier sign-up.

    It shows the students only if `same_person`: the username and the password were those of the earlier sign-up.
    """
    return await open_result(tx, earlier.submission, first_attempt=same_person)

"""The parent chooses a username and a password."""

from __future__ import annotations

from dataclasses import dataclass

from services.signup.domain.accounts import NewAccount, Submission, clean_username, username_key
from services.signup.domain.links import Link, LinkState, Purpose
from services.signup.service.links import find_link
from services.signup.service.results import open_result
from services.signup.service.verify import Dead, Submitted
from services.signup.storage import accounts, links, submissions
from shared.contracts.signup import SignUpSubmitted
from shared.runtime.core import new_id
from shared.runtime.database import Transaction
from shared.runtime.messaging import OutboxMessage, emit


@dataclass(frozen=True, slots=True)
class Repeated:
    """A sign-up on this link waits for its decision already; `account` is what it reserved."""

    submission: Submission
    account: NewAccount


@dataclass(frozen=True, slots=True)
class UsernameTaken:
    """Somebody else has this username, or has it reserved."""


async def submit_sign_up(
    transaction: Transaction, token: str, username: str, password_hash: str
) -> Submitted | Repeated | UsernameTaken | Dead:
    """Reserve the username in a pending account and emit `SignUpSubmitted`. One sign-up per link waits at a time."""
    link = await find_link(transaction, Purpose.JOIN, token)
    if link is None:
        return Dead(None, LinkState.UNKNOWN)
    version = await links.lock_for_submission(transaction, link.invitation_id)
    link = await find_link(transaction, Purpose.JOIN, token)
    state = LinkState.UNKNOWN if link is None else link.state(transaction.now)
    if link is None or state is not LinkState.LIVE:
        return Dead(link, state)
    earlier = await submissions.find_open(transaction, link)
    if earlier is not None and earlier.account_id is not None:
        reserved = await accounts.find_account(transaction, earlier.account_id)
        if reserved is not None:
            return Repeated(earlier, reserved)
    account = NewAccount(new_id(), clean_username(username), username_key(username), password_hash)
    if not await accounts.reserve(transaction, account):
        return UsernameTaken()
    return await _submit(transaction, link, account, version)


async def join_earlier(transaction: Transaction, earlier: Repeated, *, same_person: bool) -> Submitted:
    """A result page for a second press. Only who typed the same username and password counts as the first person."""
    submission_id = earlier.submission.submission_id
    result = await open_result(transaction, submission_id, first_attempt=same_person)
    return Submitted(submission_id, result)


async def _submit(transaction: Transaction, link: Link, account: NewAccount, version: int) -> Submitted:
    submission_id = new_id()
    await submissions.add_submission(transaction, submission_id, link, account.account_id)
    message = SignUpSubmitted(
        submission_id=submission_id,
        invitation_id=link.invitation_id,
        generation=link.generation,
        submitted_at=transaction.now,
    )
    await emit(transaction, OutboxMessage(message, link.school_id, version))
    return Submitted(submission_id, await open_result(transaction, submission_id))

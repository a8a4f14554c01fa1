"""The parent presses the button behind the verification link."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.signup.domain.links import Link, LinkState, Purpose
from services.signup.service.links import find_link
from services.signup.service.results import open_result
from services.signup.storage import links, submissions
from shared.contracts.signup import VerificationSubmitted
from shared.runtime.core import new_id
from shared.runtime.database import Transaction
from shared.runtime.messaging import OutboxMessage, emit


@dataclass(frozen=True, slots=True)
class Submitted:
    """The button was taken; `result` is the secret of the page that tells the outcome."""

    submission_id: UUID
    result: str


@dataclass(frozen=True, slots=True)
class Dead:
    """The link does nothing, and why; without a link it is one that nobody issued."""

    link: Link | None
    state: LinkState


async def submit_verification(transaction: Transaction, token: str) -> Submitted | Dead:
    """Confirm the address: a pending submission and `VerificationSubmitted`; a second press joins the first."""
    link = await find_link(transaction, Purpose.VERIFY, token)
    if link is None:
        return Dead(None, LinkState.UNKNOWN)
    version = await links.lock_for_submission(transaction, link.invitation_id)
    link = await find_link(transaction, Purpose.VERIFY, token)
    state = LinkState.UNKNOWN if link is None else link.state(transaction.now)
    if link is None or state is not LinkState.LIVE:
        return Dead(link, state)
    earlier = await submissions.find_open(transaction, link)
    if earlier is not None:
        result = await open_result(transaction, earlier.submission_id)
        return Submitted(earlier.submission_id, result)
    submission_id = new_id()
    await submissions.add_submission(transaction, submission_id, link, None)
    message = VerificationSubmitted(
        submission_id=submission_id,
        invitation_id=link.invitation_id,
        generation=link.generation,
        submitted_at=transaction.now,
    )
    await emit(transaction, OutboxMessage(message, link.school_id, version))
    return Submitted(submission_id, await open_result(transaction, submission_id))

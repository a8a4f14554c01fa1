"""Steps that every submission on a link has in common: claim the link, store the submission, emit its event."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from uuid import UUID

from services.signup.domain.links import Link, LinkState, Purpose, Submission, new_submission
from services.signup.storage import invitations, results, submissions
from shared.contracts.signup import SignUpSubmitted, VerificationSubmitted
from shared.runtime.core import new_id, token_digest
from shared.runtime.database import Transaction
from shared.runtime.messaging import OutboxMessage, emit


@dataclass(frozen=True, slots=True)
class Submitted:
    """A stored submission. `result_secret` is the secret of the page that shows its decision."""

    submission_id: UUID
    result_secret: str


@dataclass(frozen=True, slots=True)
class DeadLink:
    """A link that takes no submission, and the state that is the reason; `UNKNOWN` if the link was deleted."""

    link: Link
    state: LinkState


@dataclass(frozen=True, slots=True)
class ClaimedLink:
    """A live link whose invitation is locked, and the version of the next message about that invitation."""

    link: Link
    version: int


async def claim_live_link(tx: Transaction, link: Link) -> ClaimedLink | DeadLink:
    """Lock the invitation of the link until the transaction ends, and read both again."""
    claim = await invitations.claim_link(tx, link.token_digest)
    if claim is None:
        return DeadLink(link, LinkState.UNKNOWN)
    current, version = claim
    state = current.state(tx.now)
    return ClaimedLink(current, version) if state is LinkState.LIVE else DeadLink(current, state)


async def submit(tx: Transaction, claimed: ClaimedLink, account_id: UUID | None = None) -> Submitted:
    """Store a pending submission, emit its event, and open its result page. `account_id` is set for a sign-up."""
    submission = new_submission(claimed.link, new_id(), account_id, tx.now)
    await submissions.insert_submission(tx, submission)
    await emit(tx, build_message(submission, claimed.version))
    return await open_result(tx, submission)


async def open_result(tx: Transaction, submission: Submission, *, first_attempt: bool = True) -> Submitted:
    """Open a further result page of the submission. Its secret is returned; only the digest of the secret is stored."""
    secret = secrets.token_urlsafe(16)
    await results.insert_result(
        tx, token_digest(secret), submission.submission_id, first_attempt=first_attempt
    )
    return Submitted(submission.submission_id, secret)


def build_message(submission: Submission, version: int) -> OutboxMessage:
    """Return the event about the submission, in this version of its invitation's messages."""
    event_class = SignUpSubmitted if submission.purpose is Purpose.JOIN else VerificationSubmitted
    event = event_class(
        submission_id=submission.submission_id,
        invitation_id=submission.invitation_id,
        generation=submission.generation,
        submitted_at=submission.submitted_at,
    )
    return OutboxMessage(event, submission.school_id, version)

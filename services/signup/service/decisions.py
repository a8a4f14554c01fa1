"""What invitations decided about submissions, a batch at a time."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from services.signup.domain.accounts import RefusalReason, Submission
from services.signup.storage import accounts, copies, submissions
from shared.contracts.invitations import ContactVerified, InvitationAccepted, InvitationRefused
from shared.contracts.signup import SignedUp
from shared.runtime.database import Transaction
from shared.runtime.messaging import OutboxMessage, emit


async def confirm_contacts(transaction: Transaction, facts: Sequence[ContactVerified]) -> None:
    """Verifications that waited are done."""
    await submissions.accept_verifications(
        transaction, [fact.invitation_id for fact in facts], [fact.generation for fact in facts]
    )


async def complete_sign_ups(transaction: Transaction, facts: Sequence[InvitationAccepted]) -> None:
    """Open the reserved accounts and emit `SignedUp`.

    Where it is known by now that the parent has no access left, the sign-up is refused instead and the username freed.
    """
    accepted = await submissions.accept(transaction, [fact.submission_id for fact in facts])
    if not accepted:
        return
    barred = await copies.lock_parents(
        transaction, [one.parent_id for one in accepted], [one.school_id for one in accepted]
    )
    await _bar(transaction, [one for one in accepted if one.parent_id in barred])
    opened = [one for one in accepted if one.parent_id not in barred]
    if opened:
        await accounts.activate(transaction, opened)
        await emit(
            transaction, *[_signed_up(transaction, one) for one in opened if one.account_id is not None]
        )


async def refuse_submissions(transaction: Transaction, facts: Sequence[InvitationRefused]) -> None:
    """Store why, and free the usernames that these sign-ups had reserved."""
    reasons: dict[UUID, RefusalReason] = {fact.submission_id: RefusalReason(fact.reason) for fact in facts}
    refused = await submissions.refuse(transaction, reasons)
    await accounts.release(transaction, refused)


async def _bar(transaction: Transaction, barred: Sequence[Submission]) -> None:
    if barred:
        await submissions.reverse(transaction, [one.submission_id for one in barred], RefusalReason.NO_ACCESS)
        await accounts.release(transaction, barred)


def _signed_up(transaction: Transaction, submission: Submission) -> OutboxMessage:
    assert submission.account_id is not None
    fact = SignedUp(
        account_id=submission.account_id,
        parent_id=submission.parent_id,
        invitation_id=submission.invitation_id,
        signed_up_at=transaction.now,
    )
    return OutboxMessage(fact, submission.school_id, version=1)

"""Apply decisions of the invitations service to submissions, one batch at a time."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from services.signup.domain.links import Refusal, Submission
from services.signup.domain.replicas import Invitation
from services.signup.storage import accounts, invitations, memberships, parents, submissions
from shared.contracts.signup import SignedUp
from shared.contracts.values import RefusalReason
from shared.runtime.database import Transaction
from shared.runtime.messaging import OutboxMessage, emit


async def accept_verifications(tx: Transaction, verified: Sequence[Invitation]) -> None:
    """Save the invitations, whose contacts are verified now, and accept their pending verifications."""
    await invitations.save_invitations(tx, verified)
    await submissions.accept_verifications(
        tx,
        [invitation.invitation_id for invitation in verified],
        [invitation.generation for invitation in verified],
    )


async def complete_sign_ups(
    tx: Transaction, signed_up: Sequence[Invitation], submission_ids: Sequence[UUID]
) -> None:
    """Save the invitations, activate the accounts of their accepted sign-ups, and emit `SignedUp` for each.

    If the replica of the parent record shows that the parent has lost all access, the sign-up is refused instead, and
    its username is released.
    """
    await invitations.save_invitations(tx, signed_up)
    accepted = await submissions.accept_submissions(tx, submission_ids)
    if not accepted:
        return
    without_access = await parents.lock_parents(tx, accepted)
    await _reverse(tx, [sign_up for sign_up in accepted if sign_up.parent_id in without_access])
    completed = [sign_up for sign_up in accepted if sign_up.parent_id not in without_access]
    if completed:
        await accounts.activate_accounts(tx, completed)
        await memberships.insert_memberships(tx, completed)
        await emit(tx, *[_signed_up(tx, sign_up) for sign_up in completed if sign_up.account_id is not None])


async def refuse_submissions(tx: Transaction, refusals: Sequence[Refusal]) -> None:
    """Refuse the submissions that are pending, and release the usernames that they reserve."""
    refused = await submissions.refuse_submissions(tx, refusals)
    await accounts.release_accounts(tx, refused)


async def _reverse(tx: Transaction, sign_ups: Sequence[Submission]) -> None:
    if sign_ups:
        await submissions.reverse_acceptances(tx, sign_ups, RefusalReason.NO_ACCESS)
        await accounts.release_accounts(tx, sign_ups)


def _signed_up(tx: Transaction, sign_up: Submission) -> OutboxMessage:
    assert sign_up.account_id is not None
    event = SignedUp(
        account_id=sign_up.account_id,
        parent_id=sign_up.parent_id,
        invitation_id=sign_up.invitation_id,
        signed_up_at=tx.now,
    )
    return OutboxMessage(event, sign_up.school_id, version=1)

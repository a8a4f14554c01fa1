"""Taking an invitation back."""

from __future__ import annotations

from uuid import UUID

from services.invitations.domain import transitions
from services.invitations.domain.models import Invitation
from services.invitations.service.steps import Step, finish
from services.invitations.storage import invitations as rows
from shared.runtime.database import Transaction


async def withdraw(tx: Transaction, school_id: UUID, parent_id: UUID, actor: str | None) -> Invitation | None:
    """The invitation as it is then; None where there is none.

    One that is withdrawn already stays so; one that is signed up, expired or blocked is returned as it is.
    """
    invitation = (await rows.claim_by_parents(tx, [parent_id])).get(parent_id)
    if invitation is None or invitation.school_id != school_id:
        return None
    transition = transitions.withdraw(invitation)
    if transition is None:
        return invitation
    await finish(tx, [Step(transition, actor=actor)])
    return transition.invitation

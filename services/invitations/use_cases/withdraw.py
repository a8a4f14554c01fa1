"""Withdrawal of a parent's invitation by staff."""

from __future__ import annotations

from uuid import UUID

from services.invitations.domain import transitions
from services.invitations.domain.models import Invitation
from services.invitations.storage import invitations
from services.invitations.use_cases.save_changes import Change, save_changes
from shared.runtime.database import Transaction


async def withdraw(tx: Transaction, school_id: UUID, parent_id: UUID, actor: str | None) -> Invitation | None:
    """Withdraw the parent's invitation and return its new state, or None if there is none.

    An invitation that is not live (withdrawn already, signed up, expired, blocked) is returned unchanged.
    """
    invitation = (await invitations.claim_by_parents(tx, [parent_id])).get(parent_id)
    if invitation is None or invitation.school_id != school_id:
        return None
    transition = transitions.withdraw(invitation)
    if transition is None:
        return invitation
    await save_changes(tx, [Change(transition, actor=actor)])
    return transition.invitation

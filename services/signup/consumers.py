"""What signup does with other owners' facts: each handler takes a batch of one type."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from services.signup.domain.links import InvitationState, Purpose
from services.signup.service import copies, decisions
from shared.contracts import invitations as facts
from shared.contracts import roster
from shared.contracts.envelope import Received
from shared.contracts.message import Message
from shared.runtime.database import Transaction
from shared.runtime.messaging import Handler, Subscription


def subscriptions(after_decision: Callable[[], None] | None = None) -> tuple[Subscription, ...]:
    """The two groups of signup; `after_decision` is called when facts of invitations were committed."""
    return (
        Subscription("signup.on-roster", ROSTER),
        Subscription("signup.on-invitations", INVITATIONS, after_commit=after_decision),
    )


async def on_school_settings(transaction: Transaction, batch: Sequence[Received[Any]]) -> None:
    await copies.save_schools(transaction, batch)


async def on_student(transaction: Transaction, batch: Sequence[Received[Any]]) -> None:
    await copies.save_students(transaction, batch)


async def on_parent(transaction: Transaction, batch: Sequence[Received[Any]]) -> None:
    await copies.save_parents(transaction, batch)


async def on_verification_requested(
    transaction: Transaction, batch: Sequence[Received[facts.VerificationRequested]]
) -> None:
    await copies.save_invitations(transaction, batch, InvitationState.AWAITING_VERIFICATION)
    await copies.save_links(transaction, batch, Purpose.VERIFY)


async def on_contact_verified(
    transaction: Transaction, batch: Sequence[Received[facts.ContactVerified]]
) -> None:
    await copies.save_invitations(transaction, batch, InvitationState.VERIFIED)
    await decisions.confirm_contacts(transaction, [fact.data for fact in batch])


async def on_invitation_issued(
    transaction: Transaction, batch: Sequence[Received[facts.InvitationIssued]]
) -> None:
    await copies.save_invitations(transaction, batch, InvitationState.INVITED)
    await copies.save_links(transaction, batch, Purpose.JOIN)


async def on_invitation_accepted(
    transaction: Transaction, batch: Sequence[Received[facts.InvitationAccepted]]
) -> None:
    await copies.save_invitations(transaction, batch, InvitationState.SIGNED_UP)
    await decisions.complete_sign_ups(transaction, [fact.data for fact in batch])


async def on_invitation_refused(
    transaction: Transaction, batch: Sequence[Received[facts.InvitationRefused]]
) -> None:
    await decisions.refuse_submissions(transaction, [fact.data for fact in batch])


async def on_invitation_expired(
    transaction: Transaction, batch: Sequence[Received[facts.InvitationExpired]]
) -> None:
    await copies.save_invitations(transaction, batch, InvitationState.EXPIRED)


async def on_invitation_withdrawn(
    transaction: Transaction, batch: Sequence[Received[facts.InvitationWithdrawn]]
) -> None:
    await copies.save_invitations(transaction, batch, InvitationState.WITHDRAWN)


async def on_invitation_blocked(
    transaction: Transaction, batch: Sequence[Received[facts.InvitationBlocked]]
) -> None:
    await copies.save_invitations(transaction, batch, InvitationState.BLOCKED)


ROSTER: Mapping[type[Message], Handler] = {
    roster.SchoolRegistered: on_school_settings,
    roster.SchoolSettingsChanged: on_school_settings,
    roster.StudentAdded: on_student,
    roster.StudentDetailsChanged: on_student,
    roster.StudentRemoved: on_student,
    roster.ParentAdded: on_parent,
    roster.ParentRenamed: on_parent,
    roster.ParentContactChanged: on_parent,
    roster.ParentAccessChanged: on_parent,
    roster.ParentRemoved: on_parent,
}
INVITATIONS: Mapping[type[Message], Handler] = {
    facts.VerificationRequested: on_verification_requested,
    facts.ContactVerified: on_contact_verified,
    facts.InvitationIssued: on_invitation_issued,
    facts.InvitationAccepted: on_invitation_accepted,
    facts.InvitationRefused: on_invitation_refused,
    facts.InvitationExpired: on_invitation_expired,
    facts.InvitationWithdrawn: on_invitation_withdrawn,
    facts.InvitationBlocked: on_invitation_blocked,
}

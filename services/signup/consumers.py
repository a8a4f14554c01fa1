"""Consumers of signup: decode events of the roster and invitations services, a batch of one type at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from services.signup.domain.links import InvitationState, Purpose, Refusal
from services.signup.domain.personal_words import hide_words, split_address, split_words
from services.signup.domain.replicas import Invitation, IssuedLink, Parent, School, Student
from services.signup.use_cases import apply_decisions, save_replicas
from shared.contracts import invitations, roster
from shared.contracts.envelope import Received
from shared.contracts.message import Message
from shared.contracts.values import RefusalReason
from shared.runtime.database import Transaction
from shared.runtime.messaging import Handler, Subscription

SchoolEvent = Received[roster.SchoolRegistered] | Received[roster.SchoolSettingsChanged]
StudentEvent = Received[roster.StudentAdded] | Received[roster.StudentDetailsChanged]
ParentEvent = (
    Received[roster.ParentAdded]
    | Received[roster.ParentRenamed]
    | Received[roster.ParentContactChanged]
    | Received[roster.ParentAccessChanged]
)
LinkEvent = Received[invitations.VerificationRequested] | Received[invitations.InvitationIssued]


def subscriptions(*, on_decisions: Callable[[], None] | None = None) -> tuple[Subscription, ...]:
    """Return the two subscriptions of signup. `on_decisions` is called after events of invitations were committed."""
    return (
        Subscription("signup.on-roster", _ROSTER),
        Subscription("signup.on-invitations", _INVITATIONS, after_commit=on_decisions),
    )


async def on_school_settings(tx: Transaction, batch: Sequence[SchoolEvent]) -> None:
    await save_replicas.save_schools(
        tx,
        [
            School(
                school_id=event.data.school_id,
                version=event.version,
                name=event.data.school.name,
                language=event.data.school.language,
            )
            for event in batch
        ],
    )


async def on_student(tx: Transaction, batch: Sequence[StudentEvent]) -> None:
    await save_replicas.save_students(
        tx,
        [
            Student(
                student_id=event.data.student_id,
                school_id=event.school_id,
                version=event.version,
                name=event.data.student.name,
                class_name=event.data.student.class_name,
            )
            for event in batch
        ],
    )


async def on_student_removed(tx: Transaction, batch: Sequence[Received[roster.StudentRemoved]]) -> None:
    await save_replicas.save_students(
        tx,
        [Student(event.data.student_id, event.school_id, event.version, removed=True) for event in batch],
    )


async def on_parent(tx: Transaction, batch: Sequence[ParentEvent]) -> None:
    await save_replicas.save_parents(
        tx,
        [
            Parent(
                parent_id=event.data.parent_id,
                school_id=event.school_id,
                version=event.version,
                language=event.data.parent.language,
                name_words=hide_words(split_words(event.data.parent.name), str(event.data.parent_id)),
                address_words=_hide_addresses(event),
                visible_student_ids=tuple(
                    sorted({link.student_id for link in event.data.children if link.rights == "full"})
                ),
            )
            for event in batch
        ],
    )


async def on_parent_removed(tx: Transaction, batch: Sequence[Received[roster.ParentRemoved]]) -> None:
    await save_replicas.save_parents(
        tx,
        [Parent(event.data.parent_id, event.school_id, event.version, removed=True) for event in batch],
    )


async def on_verification_requested(
    tx: Transaction, batch: Sequence[Received[invitations.VerificationRequested]]
) -> None:
    awaiting = _decode_invitations(batch, InvitationState.AWAITING_VERIFICATION)
    await save_replicas.save_issued_links(tx, Purpose.VERIFY, awaiting, _decode_links(batch))


async def on_contact_verified(
    tx: Transaction, batch: Sequence[Received[invitations.ContactVerified]]
) -> None:
    await apply_decisions.accept_verifications(tx, _decode_invitations(batch, InvitationState.VERIFIED))


async def on_invitation_issued(
    tx: Transaction, batch: Sequence[Received[invitations.InvitationIssued]]
) -> None:
    invited = _decode_invitations(batch, InvitationState.INVITED)
    await save_replicas.save_issued_links(tx, Purpose.JOIN, invited, _decode_links(batch))


async def on_invitation_accepted(
    tx: Transaction, batch: Sequence[Received[invitations.InvitationAccepted]]
) -> None:
    signed_up = _decode_invitations(batch, InvitationState.SIGNED_UP)
    await apply_decisions.complete_sign_ups(tx, signed_up, [event.data.submission_id for event in batch])


async def on_invitation_refused(
    tx: Transaction, batch: Sequence[Received[invitations.InvitationRefused]]
) -> None:
    refusals = [Refusal(event.data.submission_id, RefusalReason(event.data.reason)) for event in batch]
    await apply_decisions.refuse_submissions(tx, refusals)


async def on_invitation_expired(
    tx: Transaction, batch: Sequence[Received[invitations.InvitationExpired]]
) -> None:
    await save_replicas.save_invitations(tx, _decode_invitations(batch, InvitationState.EXPIRED))


async def on_invitation_withdrawn(
    tx: Transaction, batch: Sequence[Received[invitations.InvitationWithdrawn]]
) -> None:
    await save_replicas.save_invitations(tx, _decode_invitations(batch, InvitationState.WITHDRAWN))


async def on_invitation_blocked(
    tx: Transaction, batch: Sequence[Received[invitations.InvitationBlocked]]
) -> None:
    await save_replicas.save_invitations(tx, _decode_invitations(batch, InvitationState.BLOCKED))


def _hide_addresses(event: ParentEvent) -> tuple[str, ...]:
    emails = [contact.address for contact in event.data.parent.contacts if contact.kind == "email"]
    words = frozenset[str]().union(*map(split_address, emails))
    return hide_words(words, str(event.data.parent_id))


def _decode_invitations(batch: Sequence[Received[Any]], state: InvitationState) -> list[Invitation]:
    return [
        Invitation(
            invitation_id=event.data.invitation_id,
            school_id=event.school_id,
            parent_id=event.data.parent_id,
            version=event.version,
            generation=event.data.generation,
            state=state,
        )
        for event in batch
    ]


def _decode_links(batch: Sequence[LinkEvent]) -> list[IssuedLink]:
    return [
        IssuedLink(
            token_digest=event.data.token_digest,
            invitation_id=event.data.invitation_id,
            generation=event.data.generation,
            expires_at=event.data.expires_at,
        )
        for event in batch
    ]


_ROSTER: Mapping[type[Message], Handler] = {
    roster.SchoolRegistered: on_school_settings,
    roster.SchoolSettingsChanged: on_school_settings,
    roster.StudentAdded: on_student,
    roster.StudentDetailsChanged: on_student,
    roster.StudentRemoved: on_student_removed,
    roster.ParentAdded: on_parent,
    roster.ParentRenamed: on_parent,
    roster.ParentContactChanged: on_parent,
    roster.ParentAccessChanged: on_parent,
    roster.ParentRemoved: on_parent_removed,
}
_INVITATIONS: Mapping[type[Message], Handler] = {
    invitations.VerificationRequested: on_verification_requested,
    invitations.ContactVerified: on_contact_verified,
    invitations.InvitationIssued: on_invitation_issued,
    invitations.InvitationAccepted: on_invitation_accepted,
    invitations.InvitationRefused: on_invitation_refused,
    invitations.InvitationExpired: on_invitation_expired,
    invitations.InvitationWithdrawn: on_invitation_withdrawn,
    invitations.InvitationBlocked: on_invitation_blocked,
}

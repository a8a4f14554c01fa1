"""What is said about a transition: the facts, and the command to send a message."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never
from uuid import UUID

from services.invitations.domain.models import (
    Contact,
    Invitation,
    Parent,
    QuietHours,
    School,
    Transition,
    Week,
)
from services.invitations.domain.states import Fact, Refusal, Template
from shared.contracts import invitations as facts
from shared.contracts.message import Message
from shared.contracts.notifier import Recipient, SendMessage
from shared.runtime.messaging import OutboxMessage


@dataclass(frozen=True, slots=True)
class Addressee:
    """Whom a message goes to. `quiet`: the hours in which it waits; None for what the parent asked for."""

    parent: Parent
    contact: Contact
    school: School
    quiet: QuietHours | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """A transition with what its announcement needs besides the new state."""

    transition: Transition
    to: Addressee | None = None
    actor: str | None = None
    submission_id: UUID | None = None
    refusal: Refusal | None = None
    detail: str | None = None
    repeated: bool = False
    """It was announced before; the timeline has it already."""

    @property
    def invitation(self) -> Invitation:
        return self.transition.invitation


def outgoing(step: Step, now: datetime) -> Iterator[OutboxMessage]:
    """The messages of a step, in order."""
    school_id = step.invitation.school_id
    for index, fact in enumerate(step.transition.facts):
        version = step.transition.version_of(index)
        yield OutboxMessage(_fact(fact, step, now), school_id, version, step.actor)
    if step.transition.send is not None and step.to is not None:
        yield OutboxMessage(_send(step.transition.send, step.invitation, step.to), school_id, 1, step.actor)


def expired(over: Week | Invitation) -> facts.InvitationExpired:
    """That the week is over."""
    return facts.InvitationExpired(
        invitation_id=over.invitation_id,
        parent_id=over.parent_id,
        generation=over.generation,
        expired_at=over.expires_at,
    )


def _send(template: Template, invitation: Invitation, to: Addressee) -> SendMessage:
    return SendMessage(
        message_id=invitation.message_id,
        template=template.value,
        channel=invitation.channel.value,
        recipient=Recipient(address=to.contact.address, name=to.parent.name),
        language=to.parent.language or to.school.language,
        school_name=to.school.name,
        timezone=to.school.timezone,
        parent_id=invitation.parent_id,
        invitation_id=invitation.invitation_id,
        generation=invitation.generation,
        token_key_id=invitation.token_key_id,
        expires_at=invitation.expires_at,
        quiet_from=to.quiet.begin if to.quiet else None,
        quiet_until=to.quiet.end if to.quiet else None,
    )


def _fact(fact: Fact, step: Step, now: datetime) -> Message:
    match fact:
        case Fact.VERIFICATION_REQUESTED | Fact.ISSUED:
            return _link_fact(fact, step.invitation)
        case Fact.CONTACT_VERIFIED | Fact.ACCEPTED | Fact.REFUSED:
            return _decision(fact, step, now)
        case Fact.EXPIRED:
            return expired(step.invitation)
        case Fact.WITHDRAWN | Fact.BLOCKED:
            return _end(fact, step.invitation, now)
        case _:
            assert_never(fact)


def _link_fact(fact: Fact, invitation: Invitation) -> Message:
    message = facts.InvitationIssued if fact is Fact.ISSUED else facts.VerificationRequested
    return message(
        invitation_id=invitation.invitation_id,
        parent_id=invitation.parent_id,
        generation=invitation.generation,
        channel=invitation.channel.value,
        contact_id=invitation.contact_id,
        message_id=invitation.message_id,
        token_digest=invitation.token_digest,
        expires_at=invitation.expires_at,
        send_at=invitation.send_at,
    )


def _decision(fact: Fact, step: Step, now: datetime) -> Message:
    invitation = step.invitation
    whose = (invitation.invitation_id, invitation.parent_id, invitation.generation)
    if fact is Fact.CONTACT_VERIFIED:
        return facts.ContactVerified(
            invitation_id=whose[0],
            parent_id=whose[1],
            generation=whose[2],
            contact_id=invitation.contact_id,
            verified_at=now,
            submission_id=step.submission_id,
        )
    if step.submission_id is None:
        raise ValueError("a decision answers a submission")
    if fact is Fact.ACCEPTED:
        return facts.InvitationAccepted(
            invitation_id=whose[0],
            parent_id=whose[1],
            generation=whose[2],
            submission_id=step.submission_id,
            accepted_at=invitation.accepted_at or now,
        )
    if step.refusal is None:
        raise ValueError("a refusal has a reason")
    return facts.InvitationRefused(
        invitation_id=whose[0],
        parent_id=whose[1],
        generation=whose[2],
        submission_id=step.submission_id,
        reason=step.refusal.value,
    )


def _end(fact: Fact, invitation: Invitation, now: datetime) -> Message:
    whose = {
        "invitation_id": invitation.invitation_id,
        "parent_id": invitation.parent_id,
        "generation": invitation.generation,
    }
    if fact is Fact.WITHDRAWN:
        return facts.InvitationWithdrawn.model_validate({**whose, "withdrawn_at": now})
    return facts.InvitationBlocked.model_validate(
        {**whose, "reason": invitation.blocked_reason or "no_access"}
    )

"""Persistence of transitions, with the timeline entries, events and commands that they cause."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar, assert_never
from uuid import UUID

from services.invitations.domain.models import (
    Contact,
    EventKind,
    ExpiryWindow,
    Invitation,
    Parent,
    School,
    Submission,
    TimelineEntry,
    Transition,
)
from services.invitations.domain.transitions import answer_submission
from services.invitations.storage import invitation_updates
from services.invitations.storage.invitation_updates import NewInvitation
from shared.contracts import invitations as events
from shared.contracts.message import Message
from shared.contracts.notifier import Recipient, SendMessage
from shared.contracts.quiet_hours import QuietHours
from shared.contracts.values import RefusalReason, Template
from shared.runtime.database import Transaction
from shared.runtime.messaging import Lane, OutboxMessage, emit

T = TypeVar("T")
_REMINDERS = frozenset({Template.VERIFY_REMINDER, Template.INVITE_REMINDER})


@dataclass(frozen=True, slots=True)
class Addressee:
    """Recipient of a message. `quiet`: hours in which it is deferred; None for a message that the parent requested."""

    parent: Parent
    contact: Contact
    school: School
    quiet: QuietHours | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """Transition with what its events, its message and its timeline entries need besides the new state."""

    transition: Transition
    to: Addressee | None = None
    actor: str | None = None
    submission_id: UUID | None = None
    refusal: RefusalReason | None = None
    detail: str | None = None
    repeated: bool = False
    """Whether the same events were announced before, so that the timeline has them already."""

    @property
    def invitation(self) -> Invitation:
        """New state of the invitation."""
        return self.transition.invitation

    @property
    def is_sent_first(self) -> bool:
        """Whether it is a first invitation that is sent at once: all of its rows are inserted by one statement."""
        return self.transition.first and self.transition.send is not None


async def save_changes(tx: Transaction, changes: Sequence[Change], lane: Lane = Lane.SINGLE) -> None:
    """Save the new states of locked invitations, or first invitations of locked parents, and announce them.

    Announcing writes the timelines and emits the events and the `SendMessage` commands to `lane`.
    """
    transitions = [change.transition for change in changes]
    replaced = {
        transition.invitation.invitation_id: transition.current_message_id
        for transition in transitions
        if transition.may_replace_deferred
    }
    if replaced:
        await invitation_updates.skip_bulk_items(tx, replaced)
    sent_first = [_new_invitation(change) for change in changes if change.is_sent_first]
    await invitation_updates.insert_new(tx, sent_first, tx.now)
    deferred_first = [
        transition.invitation for transition in transitions if transition.first and transition.send is None
    ]
    await invitation_updates.insert(tx, deferred_first)
    present = [transition.invitation for transition in transitions if not transition.first]
    await invitation_updates.save(tx, present)
    await announce(tx, changes, lane)


async def announce(tx: Transaction, changes: Sequence[Change], lane: Lane = Lane.SINGLE) -> None:
    """Write timelines, count messages, and emit events and commands, for states that are saved already."""
    if not changes:
        return
    unrecorded = [change for change in changes if not change.is_sent_first]
    counted = [change.invitation for change in unrecorded if _counts_message(change.transition)]
    await invitation_updates.count_messages(tx, counted)
    await invitation_updates.record(
        tx, [entry for change in unrecorded for entry in timeline_entries(change)]
    )
    await emit(tx, *(message for change in changes for message in outbox_messages(change, tx.now)), lane=lane)


def refuse(current: Invitation, submission: Submission, reason: RefusalReason) -> Change:
    """Return the change that refuses a submission on a locked invitation."""
    return Change(
        answer_submission(current, EventKind.REFUSED),
        submission_id=submission.submission_id,
        refusal=reason,
    )


def expired_event(expired: ExpiryWindow) -> events.InvitationExpired:
    """Return the event that announces an expired invitation."""
    return events.InvitationExpired(
        invitation_id=expired.invitation_id,
        parent_id=expired.parent_id,
        generation=expired.generation,
        expired_at=expired.expires_at,
    )


def _new_invitation(change: Change) -> NewInvitation:
    (entry,) = timeline_entries(change)
    return NewInvitation(change.invitation, entry.event, entry.detail, entry.actor)


def _counts_message(transition: Transition) -> bool:
    """Return whether a message is counted: a verification and the invitation that follows it count as one."""
    return transition.send is not None and EventKind.CONTACT_VERIFIED not in transition.events


def timeline_entries(change: Change) -> Iterator[TimelineEntry]:
    """Yield an entry per event of a change, and one for a reminder."""
    invitation = change.invitation
    for kind in () if change.repeated else change.transition.events:
        detail = change.refusal.value if change.refusal else change.detail
        yield TimelineEntry(invitation.parent_id, invitation.school_id, kind.value, detail, change.actor)
    if change.transition.send in _REMINDERS:
        yield TimelineEntry(invitation.parent_id, invitation.school_id, "reminder_sent", None, change.actor)


def outbox_messages(change: Change, now: datetime) -> Iterator[OutboxMessage]:
    """Yield the events of a change in order, then the command to send its message."""
    transition, school_id = change.transition, change.invitation.school_id
    for index, kind in enumerate(transition.events):
        yield OutboxMessage(_event(kind, change, now), school_id, transition.version_of(index), change.actor)
    if transition.send is not None and change.to is not None:
        command = _send_message(transition.send, change.invitation, change.to)
        yield OutboxMessage(command, school_id, 1, change.actor)


def _send_message(template: Template, invitation: Invitation, to: Addressee) -> SendMessage:
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


def _event(kind: EventKind, change: Change, now: datetime) -> Message:
    invitation = change.invitation
    subject: dict[str, Any] = {
        "invitation_id": invitation.invitation_id,
        "parent_id": invitation.parent_id,
        "generation": invitation.generation,
    }
    match kind:
        case EventKind.VERIFICATION_REQUESTED:
            return events.VerificationRequested(**subject, **_link(invitation))
        case EventKind.ISSUED:
            return events.InvitationIssued(**subject, **_link(invitation))
        case EventKind.CONTACT_VERIFIED:
            return events.ContactVerified(
                **subject,
                contact_id=invitation.contact_id,
                verified_at=now,
                submission_id=change.submission_id,
            )
        case EventKind.ACCEPTED:
            return events.InvitationAccepted(
                **subject,
                submission_id=_required(change.submission_id),
                accepted_at=invitation.accepted_at or now,
            )
        case EventKind.REFUSED:
            return events.InvitationRefused(
                **subject,
                submission_id=_required(change.submission_id),
                reason=_required(change.refusal).value,
            )
        case EventKind.WITHDRAWN:
            return events.InvitationWithdrawn(**subject, withdrawn_at=now)
        case EventKind.BLOCKED:
            return events.InvitationBlocked(**subject, reason=invitation.blocked_reason or "no_access")
        case EventKind.EXPIRED:
            return events.InvitationExpired(**subject, expired_at=invitation.expires_at)
        case _:
            assert_never(kind)


def _link(invitation: Invitation) -> dict[str, Any]:
    return {
        "channel": invitation.channel.value,
        "contact_id": invitation.contact_id,
        "message_id": invitation.message_id,
        "token_digest": invitation.token_digest,
        "expires_at": invitation.expires_at,
        "send_at": invitation.send_at,
    }


def _required(value: T | None) -> T:
    """Return the value. Raises ValueError if it is None: the answer to a submission has its id, a refusal a reason."""
    if value is None:
        raise ValueError("the change lacks a submission or a reason of refusal")
    return value

"""Pure transitions of an invitation: each takes the present state and returns the new one with its events."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from services.invitations.domain.models import (
    LIVE,
    Contact,
    EventKind,
    ExpiryWindow,
    Invitation,
    Origin,
    Purpose,
    School,
    Transition,
    TransitionInputs,
)
from shared.contracts.values import Channel, Delivery, InvitationStatus, Template

QUIET_REASON = "It is sent in the morning, because of quiet hours."


@dataclass(frozen=True, slots=True)
class Target:
    """Recipient and terms of a new generation. `invitation_id` is used for a first invitation only."""

    invitation_id: UUID
    parent_id: UUID
    school: School
    contact: Contact
    channel: Channel
    verified: bool
    origin: Origin
    send_at: datetime | None = None
    """End of the quiet hours until which the message is deferred; None to send it at once."""


def start_generation(current: Invitation | None, target: Target, inputs: TransitionInputs) -> Transition:
    """Invite or re-invite a parent: the previous link stops working at once and a new validity period begins.

    A verified address gets the invitation itself, any other one a request to verify it. The validity period begins
    when the message may be sent.
    """
    begins_at = target.send_at or inputs.now
    invitation_id = current.invitation_id if current else target.invitation_id
    generation = current.generation + 1 if current else 1
    purpose = Purpose.JOIN if target.verified else Purpose.VERIFY
    template = Template.INVITE if target.verified else Template.VERIFY
    link = inputs.derive_link(purpose, invitation_id, generation)
    is_staff_reinvite = current is not None and target.origin is Origin.STAFF
    invitation = Invitation(
        invitation_id=invitation_id,
        school_id=target.school.school_id,
        parent_id=target.parent_id,
        version=(current.version if current else 0) + 1,
        status=InvitationStatus.INVITED if target.verified else InvitationStatus.AWAITING_VERIFICATION,
        generation=generation,
        purpose=purpose,
        channel=target.channel,
        contact_id=target.contact.contact_id,
        address_digest=target.contact.address_digest,
        token_key_id=link.key_id,
        token_digest=link.digest,
        message_id=inputs.message_id,
        template=template,
        delivery=Delivery.DEFERRED if target.send_at else Delivery.QUEUED,
        delivery_reason=QUIET_REASON if target.send_at else None,
        first_invited_at=current.first_invited_at if current else inputs.now,
        last_invited_at=inputs.now,
        expires_at=begins_at + target.school.lifetime,
        last_message_at=begins_at,
        last_reinvite_at=inputs.now if is_staff_reinvite else (current.last_reinvite_at if current else None),
        next_reminder_at=first_reminder(target.school, begins_at),
        send_at=target.send_at,
    )
    event = EventKind.ISSUED if target.verified else EventKind.VERIFICATION_REQUESTED
    return Transition(invitation, (event,), None if target.send_at else template, first=current is None)


def send_deferred(current: Invitation, now: datetime) -> Transition:
    """Send the message that was deferred until the end of quiet hours."""
    state = replace(
        current, send_at=None, delivery=Delivery.QUEUED, delivery_reason=None, last_message_at=now
    )
    return Transition(state, (), current.template)


def defer_reminder(current: Invitation, until: datetime) -> Transition:
    """Defer the reminder until the end of quiet hours; drop it if the link expires before."""
    return Transition(replace(current, next_reminder_at=until if until < current.expires_at else None))


def extend_deferral(current: Invitation, until: datetime) -> Transition:
    """Defer the deferred message further. The validity period stays as it was announced."""
    return Transition(replace(current, send_at=until))


def cancel_deferred(current: Invitation) -> Transition:
    """Cancel the deferred message, because its link is not live any more."""
    return Transition(replace(current, send_at=None))


def verify(current: Invitation, school: School, inputs: TransitionInputs) -> Transition:
    """Mark the address as verified and send the invitation at once, with a validity period of its own."""
    link = inputs.derive_link(Purpose.JOIN, current.invitation_id, current.generation)
    invitation = replace(
        current,
        version=current.version + 2,
        status=InvitationStatus.INVITED,
        purpose=Purpose.JOIN,
        token_key_id=link.key_id,
        token_digest=link.digest,
        message_id=inputs.message_id,
        template=Template.INVITE,
        delivery=Delivery.QUEUED,
        delivery_reason=None,
        last_invited_at=inputs.now,
        last_message_at=inputs.now,
        expires_at=inputs.now + school.lifetime,
        next_reminder_at=first_reminder(school, inputs.now),
        send_at=None,
    )
    return Transition(invitation, (EventKind.CONTACT_VERIFIED, EventKind.ISSUED), Template.INVITE)


def remind(current: Invitation, school: School, inputs: TransitionInputs, cool_down: timedelta) -> Transition:
    """Send the same link again, or postpone the reminder while the last message is younger than `cool_down`.

    The caller has checked that the invitation is live and its contact unchanged.
    """
    if inputs.now < current.last_message_at + cool_down:
        later = current.last_message_at + cool_down
        return Transition(replace(current, next_reminder_at=later if later < current.expires_at else None))
    template = Template.INVITE_REMINDER if current.purpose is Purpose.JOIN else Template.VERIFY_REMINDER
    invitation = replace(
        current,
        message_id=inputs.message_id,
        template=template,
        delivery=Delivery.QUEUED,
        delivery_reason=None,
        last_message_at=inputs.now,
        next_reminder_at=next_reminder(current, school, inputs.now),
    )
    return Transition(invitation, (), template)


def stop_reminders(current: Invitation) -> Transition:
    """Send no further reminder in this generation."""
    return Transition(replace(current, next_reminder_at=None))


def expire(current: ExpiryWindow, now: datetime) -> ExpiryWindow | None:
    """Expire the invitation if its validity period has ended; None if there is nothing to announce.

    An expiry is announced once and never early.
    """
    if current.status not in LIVE or now <= current.expires_at:
        return None
    return replace(current, version=current.version + 1, status=InvitationStatus.EXPIRED)


def withdraw(current: Invitation) -> Transition | None:
    """Withdraw the invitation at once; None if its link is not live."""
    if current.status not in LIVE:
        return None
    return Transition(_withdrawn(current), (EventKind.WITHDRAWN,))


def block(current: Invitation, reason: str) -> Transition | None:
    """Block the invitation of a parent who was removed or lost access; None if it is blocked already."""
    if current.status is InvitationStatus.BLOCKED:
        return None
    state = replace(
        current,
        status=InvitationStatus.BLOCKED,
        version=current.version + 1,
        next_reminder_at=None,
        send_at=None,
        blocked_reason=reason,
    )
    return Transition(state, (EventKind.BLOCKED,))


def unblock(current: Invitation) -> Transition | None:
    """Lift the block of a parent whose access came back; None if the invitation is not blocked.

    A parent with an account is signed up again. Otherwise the invitation is withdrawn: the old link stays dead, and
    staff may invite again.
    """
    if current.status is not InvitationStatus.BLOCKED:
        return None
    if current.signed_up_at is not None:
        status, version = InvitationStatus.SIGNED_UP, current.version + 1
        return Transition(
            replace(current, status=status, version=version, blocked_reason=None), (EventKind.ACCEPTED,)
        )
    return Transition(_withdrawn(current), (EventKind.WITHDRAWN,))


def revoke(current: Invitation) -> Transition:
    """Revoke the link, because its address is gone and the parent has no other one."""
    return Transition(_withdrawn(current), (EventKind.WITHDRAWN,))


def complete_sign_up(current: Invitation, at: datetime) -> Transition:
    """Record when the account was completed."""
    return Transition(replace(current, signed_up_at=at))


def answer_submission(current: Invitation, answer: EventKind) -> Transition:
    """Answer a submission without changing the state; only the version grows, so that the event has its own."""
    return Transition(replace(current, version=current.version + 1), (answer,))


def first_reminder(school: School, start_at: datetime) -> datetime | None:
    """Return when the first reminder is due, or None if the school has none within the validity period."""
    due = [start_at + delay for delay in school.reminders if delay < school.lifetime]
    return min(due, default=None)


def next_reminder(current: Invitation, school: School, now: datetime) -> datetime | None:
    """Return the next reminder after `now`, counted from the begin of the validity period, or None."""
    begins_at = current.expires_at - school.lifetime
    due = [begins_at + delay for delay in school.reminders if now < begins_at + delay < current.expires_at]
    return min(due, default=None)


def _withdrawn(current: Invitation) -> Invitation:
    return replace(
        current,
        status=InvitationStatus.WITHDRAWN,
        version=current.version + 1,
        next_reminder_at=None,
        send_at=None,
        blocked_reason=None,
    )

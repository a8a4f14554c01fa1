"""Pure transitions: each takes the present state and returns the new one with what it announces."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from services.invitations.domain.models import Contact, Invitation, School, Stamp, Transition, Week
from services.invitations.domain.states import (
    LIVE,
    Channel,
    Delivery,
    Fact,
    InvitationStatus,
    Origin,
    Purpose,
    Template,
)

QUIET_REASON = "It is sent in the morning, because of quiet hours."


@dataclass(frozen=True, slots=True)
class Target:
    """Whom to invite and how. `invitation_id` is used for a first invitation only."""

    invitation_id: UUID
    parent_id: UUID
    school: School
    contact: Contact
    channel: Channel
    verified: bool
    origin: Origin
    send_at: datetime | None = None
    """Not before that, because of quiet hours; None: at once."""


def start(current: Invitation | None, target: Target, stamp: Stamp) -> Transition:
    """Invite, or re-invite: the older link is dead at once and the week starts again.

    A proved address gets the invitation itself, any other one is asked to verify first. The week begins when the
    message may go out.
    """
    begins = target.send_at or stamp.now
    invitation_id = current.invitation_id if current else target.invitation_id
    generation = current.generation + 1 if current else 1
    purpose = Purpose.JOIN if target.verified else Purpose.VERIFY
    template = Template.INVITE if target.verified else Template.VERIFY
    link = stamp.seal(purpose, invitation_id, generation)
    again = current is not None and target.origin is Origin.STAFF
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
        message_id=stamp.message_id,
        template=template,
        delivery=Delivery.DEFERRED if target.send_at else Delivery.QUEUED,
        delivery_reason=QUIET_REASON if target.send_at else None,
        first_invited_at=current.first_invited_at if current else stamp.now,
        last_invited_at=stamp.now,
        expires_at=begins + target.school.lifetime,
        last_message_at=begins,
        last_reinvite_at=stamp.now if again else (current.last_reinvite_at if current else None),
        next_reminder_at=first_reminder(target.school, begins),
        send_at=target.send_at,
    )
    fact = Fact.ISSUED if target.verified else Fact.VERIFICATION_REQUESTED
    return Transition(invitation, (fact,), None if target.send_at else template, first=current is None)


def release(current: Invitation, now: datetime) -> Transition:
    """Send the message that waited for the end of quiet hours."""
    state = replace(
        current, send_at=None, delivery=Delivery.QUEUED, delivery_reason=None, last_message_at=now
    )
    return Transition(state, (), current.template)


def hold(current: Invitation, until: datetime) -> Transition:
    """A reminder that would come at night comes in the morning, if the week lasts so long."""
    return Transition(replace(current, next_reminder_at=until if until < current.expires_at else None))


def wait(current: Invitation, until: datetime) -> Transition:
    """The message that waited waits on; its week has begun nevertheless, as was announced."""
    return Transition(replace(current, send_at=until))


def let_go(current: Invitation) -> Transition:
    """The message that waited is not sent any more: its link has ended."""
    return Transition(replace(current, send_at=None))


def verify(current: Invitation, school: School, stamp: Stamp) -> Transition:
    """The address is proved; the invitation follows by itself, with a week of its own: it is sent now."""
    link = stamp.seal(Purpose.JOIN, current.invitation_id, current.generation)
    invitation = replace(
        current,
        version=current.version + 2,
        status=InvitationStatus.INVITED,
        purpose=Purpose.JOIN,
        token_key_id=link.key_id,
        token_digest=link.digest,
        message_id=stamp.message_id,
        template=Template.INVITE,
        delivery=Delivery.QUEUED,
        delivery_reason=None,
        last_invited_at=stamp.now,
        last_message_at=stamp.now,
        expires_at=stamp.now + school.lifetime,
        next_reminder_at=first_reminder(school, stamp.now),
        send_at=None,
    )
    return Transition(invitation, (Fact.CONTACT_VERIFIED, Fact.ISSUED), Template.INVITE)


def remind(current: Invitation, school: School, stamp: Stamp, cool_down: timedelta) -> Transition:
    """Send the same link again, or put the reminder off while the last message is younger than `cool_down`.

    The caller has found the invitation live and its contact unchanged.
    """
    if stamp.now < current.last_message_at + cool_down:
        later = current.last_message_at + cool_down
        return Transition(replace(current, next_reminder_at=later if later < current.expires_at else None))
    template = Template.INVITE_REMINDER if current.purpose is Purpose.JOIN else Template.VERIFY_REMINDER
    invitation = replace(
        current,
        message_id=stamp.message_id,
        template=template,
        delivery=Delivery.QUEUED,
        delivery_reason=None,
        last_message_at=stamp.now,
        next_reminder_at=next_reminder(current, school, stamp.now),
    )
    return Transition(invitation, (), template)


def without_reminders(current: Invitation) -> Transition:
    """No further reminder for this generation."""
    return Transition(replace(current, next_reminder_at=None))


def expire(current: Week, now: datetime) -> Week | None:
    """The week is over: announced once, never early. None when there is nothing to announce."""
    if current.status not in LIVE or now <= current.expires_at:
        return None
    whose = (current.invitation_id, current.school_id, current.parent_id, current.generation)
    return Week(*whose, current.version + 1, InvitationStatus.EXPIRED, current.expires_at)


def withdraw(current: Invitation) -> Transition | None:
    """Staff take it back; its link is dead at once. None when no link is alive."""
    if current.status not in LIVE:
        return None
    return Transition(_withdrawn(current), (Fact.WITHDRAWN,))


def block(current: Invitation, reason: str) -> Transition | None:
    """The parent is gone or may see no child: no link works. None when that is known already."""
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
    return Transition(state, (Fact.BLOCKED,))


def unblock(current: Invitation) -> Transition | None:
    """Access came back: who has an account is signed up again; else old links stay dead, and staff may invite again."""
    if current.status is not InvitationStatus.BLOCKED:
        return None
    if current.signed_up_at is not None:
        status, version = InvitationStatus.SIGNED_UP, current.version + 1
        return Transition(
            replace(current, status=status, version=version, blocked_reason=None), (Fact.ACCEPTED,)
        )
    return Transition(_withdrawn(current), (Fact.WITHDRAWN,))


def drop(current: Invitation) -> Transition:
    """The address is gone and there is no other: the link dies."""
    return Transition(_withdrawn(current), (Fact.WITHDRAWN,))


def signed_up(current: Invitation, at: datetime) -> Transition:
    """The account is complete."""
    return Transition(replace(current, signed_up_at=at))


def answered(current: Invitation, answer: Fact) -> Transition:
    """A submission is refused, or is told again; only the version moves, so that the fact has one of its own."""
    return Transition(replace(current, version=current.version + 1), (answer,))


def first_reminder(school: School, start_at: datetime) -> datetime | None:
    """When the first reminder is due, or None where the school wants none within the week."""
    due = [start_at + delay for delay in school.reminders if delay < school.lifetime]
    return min(due, default=None)


def next_reminder(current: Invitation, school: School, now: datetime) -> datetime | None:
    """The next reminder after `now`, counted from the start of the week."""
    begun = current.expires_at - school.lifetime
    due = [begun + delay for delay in school.reminders if now < begun + delay < current.expires_at]
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

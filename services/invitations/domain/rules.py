"""Rules for inviting a parent now: denial reasons, quiet hours, and the answers to submissions on a link."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from services.invitations.domain.models import (
    LIVE,
    UNDELIVERABLE,
    Contact,
    ContactUsage,
    DenialReason,
    Invitation,
    Limits,
    Origin,
    Parent,
    Purpose,
    School,
)
from shared.contracts.quiet_hours import QuietHours
from shared.contracts.values import (
    PHONE_CHANNELS,
    Channel,
    ContactKind,
    Delivery,
    InvitationStatus,
    RefusalReason,
)


@dataclass(frozen=True, slots=True)
class Invitee:
    """Parent with all that the rules depend on: school, present invitation, use of contacts, opt-outs.

    `opted_out` holds (channel, address digest).
    """

    parent: Parent
    school: School
    invitation: Invitation | None
    usages: tuple[ContactUsage, ...] = ()
    opted_out: frozenset[tuple[Channel, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class InviteRequest:
    """Origin, channel and contact of a request to invite a parent. Without a contact the preferred one is used."""

    origin: Origin
    channel: Channel = Channel.EMAIL
    contact_id: UUID | None = None
    override_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Allowed:
    """Decision that the parent may be invited at `contact`; `verified` if its address needs no verification."""

    contact: Contact
    verified: bool


@dataclass(frozen=True, slots=True)
class Denied:
    """Decision that the parent may not be invited now; `retry_after` is set if waiting helps."""

    reason: DenialReason
    retry_after: timedelta | None = None


NOT_KNOWN_YET = Denied(DenialReason.NOT_KNOWN_YET)
"""Denial of a parent who, or whose school, has not arrived in this service."""


@dataclass(frozen=True, slots=True)
class QuietPeriod:
    """Quiet hours that apply to a school: its own, unless the installation overrides them."""

    school: School
    override: QuietHours | None = None

    def hours_for(self, channel: Channel) -> QuietHours | None:
        """Return the hours of the day without messages on this channel, or None if it has none."""
        hours = self.override or self.school.quiet
        return None if channel not in PHONE_CHANNELS or hours.is_empty else hours

    def end_after(self, channel: Channel, now: datetime) -> datetime | None:
        """Return when the quiet hours that contain `now` end (UTC), or None if a message may go out at once."""
        hours = self.hours_for(channel)
        return None if hours is None else hours.end_after(now, self.school.timezone)

    def send_at(self, channel: Channel, origin: Origin, now: datetime) -> datetime | None:
        """Return until when a message is deferred, or None to send it now.

        A parent who requests a link gets it at once, whatever the hour.
        """
        return None if origin is Origin.PARENT else self.end_after(channel, now)


def decide(invitee: Invitee, request: InviteRequest, limits: Limits, now: datetime) -> Allowed | Denied:
    """Decide whether the parent may be invited now, and at which contact."""
    denied = _deny_by_status(invitee)
    if denied is not None:
        return denied
    contact = choose_contact(invitee.parent, request.channel, _requested_contact_id(invitee, request))
    if contact is None:
        return Denied(DenialReason.NO_CONTACT)
    usage = find_usage(invitee.usages, contact)
    denied = _deny_by_rate_limit(invitee.invitation, request, limits, now)
    denied = denied or _deny_by_opt_out(invitee, contact, request)
    if denied is not None:
        return denied
    if usage is not None and usage.messages >= limits.message_cap and not request.override_reason:
        return Denied(DenialReason.MESSAGE_CAP)
    return Allowed(contact, contact.verified or (usage is not None and usage.verified_at is not None))


def resolve_channel(invitee: Invitee, request: InviteRequest, usable: Collection[Channel]) -> InviteRequest:
    """Return the request with the channel on which the message travels.

    A new link requested by the parent uses the channel of the previous one. A parent who was added with a request to
    be invited, and has no address for its channel, is reached on the first usable channel that has one.
    """
    if request.origin is Origin.PARENT and invitee.invitation is not None:
        return replace(request, channel=invitee.invitation.channel)
    if request.origin is not Origin.ADDED:
        return request
    if choose_contact(invitee.parent, request.channel, request.contact_id):
        return request
    alternatives = (
        channel
        for channel in Channel
        if channel in usable and choose_contact(invitee.parent, channel, request.contact_id)
    )
    return replace(request, channel=next(alternatives, request.channel))


def choose_contact(parent: Parent, channel: Channel, contact_id: UUID | None = None) -> Contact | None:
    """Return the named contact, else the preferred one that the channel can reach, else the first one that it can."""
    kind = ContactKind.EMAIL if channel is Channel.EMAIL else ContactKind.PHONE
    reachable = [contact for contact in parent.contacts if contact.kind is kind]
    if contact_id is not None:
        reachable = [contact for contact in reachable if contact.contact_id == contact_id]
    return next((contact for contact in reachable if contact.preferred), next(iter(reachable), None))


def find_usage(usages: tuple[ContactUsage, ...], contact: Contact) -> ContactUsage | None:
    """Return the usage of exactly this address; another address under the same contact id starts from zero."""
    for usage in usages:
        if usage.contact_id == contact.contact_id and usage.address_digest == contact.address_digest:
            return usage
    return None


def is_contact_gone(invitation: Invitation, parent: Parent) -> bool:
    """Return whether the address that the current link was sent to no longer belongs to the parent."""
    return not any(
        contact.contact_id == invitation.contact_id and contact.address_digest == invitation.address_digest
        for contact in parent.contacts
    )


def can_receive_links(invitation: Invitation, parent: Parent) -> bool:
    """Return whether the parent has access, is not removed, and still has the address of the current link."""
    return parent.has_access and not parent.removed and not is_contact_gone(invitation, parent)


def may_remind(invitation: Invitation, now: datetime) -> bool:
    """Return whether a reminder makes sense: live link, not expired, address not known to be undeliverable."""
    return (
        invitation.status in LIVE and now < invitation.expires_at and invitation.delivery not in UNDELIVERABLE
    )


def is_closed(invitee: Invitee, contact: Contact, channel: Channel, limits: Limits) -> bool:
    """Return whether the contact gets no further message by itself: its cap is reached or it opted out."""
    usage = find_usage(invitee.usages, contact)
    capped = usage is not None and usage.messages >= limits.message_cap
    return capped or (channel, contact.address_digest) in invitee.opted_out


def refusal_reason(invitation: Invitation, generation: int, submitted_at: datetime) -> RefusalReason:
    """Return why a submission that was not accepted is refused."""
    conditions = {
        RefusalReason.REPLACED: invitation.generation != generation,
        RefusalReason.NO_ACCESS: invitation.status in {InvitationStatus.BLOCKED, InvitationStatus.DECLINED},
        RefusalReason.WITHDRAWN: invitation.status is InvitationStatus.WITHDRAWN,
        RefusalReason.USED: invitation.accepted_at is not None,
        RefusalReason.EXPIRED: submitted_at > invitation.expires_at,
    }
    return next((reason for reason, holds in conditions.items() if holds), RefusalReason.REPLACED)


def is_verifiable(invitation: Invitation, generation: int, submitted_at: datetime) -> bool:
    """Return whether this submission verifies the address.

    A submission made within the validity period counts even if it is processed after the expiry was announced.
    """
    unverified = invitation.status in {
        InvitationStatus.AWAITING_VERIFICATION,
        InvitationStatus.EXPIRED,
    }
    return (
        unverified
        and invitation.purpose is Purpose.VERIFY
        and invitation.generation == generation
        and submitted_at <= invitation.expires_at
    )


def _requested_contact_id(invitee: Invitee, request: InviteRequest) -> UUID | None:
    # A parent who requests a new link gets it at the previous address, as long as that is on file.
    present = invitee.invitation
    if (
        request.origin is Origin.PARENT
        and present is not None
        and not is_contact_gone(present, invitee.parent)
    ):
        return present.contact_id
    return request.contact_id


def _deny_by_status(invitee: Invitee) -> Denied | None:
    status = invitee.invitation.status if invitee.invitation else InvitationStatus.NOT_INVITED
    if invitee.parent.removed:
        return Denied(DenialReason.REMOVED)
    if not invitee.parent.has_access:
        return Denied(DenialReason.RESTRICTED)
    if status is InvitationStatus.SIGNED_UP:
        return Denied(DenialReason.SIGNED_UP)
    if status is InvitationStatus.DECLINED:
        return Denied(DenialReason.DECLINED)
    return Denied(DenialReason.NO_CREDENTIALS) if invitee.school.credentials_mode == "issued" else None


def _deny_by_rate_limit(
    invitation: Invitation | None, request: InviteRequest, limits: Limits, now: datetime
) -> Denied | None:
    if invitation is None:
        return None
    if request.origin is Origin.STAFF:
        if invitation.last_reinvite_at is None:
            return None
        remaining = invitation.last_reinvite_at + limits.reinvite_pause - now
        return Denied(DenialReason.TOO_SOON, remaining) if remaining > timedelta(0) else None
    cools_down = {
        Origin.BULK: True,
        Origin.PARENT: invitation.status is not InvitationStatus.EXPIRED,
        Origin.ADDED: invitation.status in LIVE,
    }.get(request.origin, False)
    remaining = invitation.last_message_at + limits.cool_down - now
    return Denied(DenialReason.COOL_DOWN, remaining) if cools_down and remaining > timedelta(0) else None


def _deny_by_opt_out(invitee: Invitee, contact: Contact, request: InviteRequest) -> Denied | None:
    # An opted-out address gets nothing on that channel, whatever the origin. Staff may retry an address that only
    # the provider suppressed.
    if invitee.opted_out and (request.channel, contact.address_digest) in invitee.opted_out:
        return Denied(DenialReason.OPTED_OUT)
    invitation = invitee.invitation
    if invitation is None or request.origin is Origin.STAFF:
        return None
    suppressed = invitation.delivery is Delivery.SUPPRESSED
    same_address = invitation.address_digest == contact.address_digest
    return Denied(DenialReason.OPTED_OUT) if suppressed and same_address else None

"""Consumers of the roster's, the notifier's and signup's events: decode each batch and call one use case."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from services.invitations.domain.delivery import DeliveryReport
from services.invitations.domain.models import (
    Contact,
    InvitationPolicy,
    OptOut,
    Parent,
    ParentReplica,
    PendingInvitation,
    School,
    SchoolReplica,
    Submission,
)
from services.invitations.use_cases.accept_sign_up import accept_sign_up, complete_sign_up
from services.invitations.use_cases.apply_delivery import apply_delivery, save_opt_outs
from services.invitations.use_cases.replicate_roster import upsert_parents, upsert_schools
from services.invitations.use_cases.request_invitations import request_invitations
from services.invitations.use_cases.resend_link import resend_links
from services.invitations.use_cases.threshold_wakeup import ThresholdWakeup
from services.invitations.use_cases.verify_contact import verify_contact
from shared.contracts import notifier, roster, signup
from shared.contracts.envelope import Received
from shared.contracts.quiet_hours import QuietHours
from shared.contracts.values import Channel, ContactKind, Delivery
from shared.runtime.core import Rejected
from shared.runtime.database import Transaction
from shared.runtime.messaging import Subscription

SchoolEvent = roster.SchoolRegistered | roster.SchoolSettingsChanged
ParentEvent = (
    roster.ParentAdded | roster.ParentRenamed | roster.ParentContactChanged | roster.ParentAccessChanged
)
MessageEvent = (
    notifier.MessageSent | notifier.MessageDelivered | notifier.MessageFailed | notifier.MessageOutcomeUnknown
)
MAX_LIFETIME_DAYS = 365
SUPPRESSED_CODES = frozenset({"suppressed", "opted_out"})
DEFERRED_CODES = frozenset({"deferred", "quiet_hours"})


def subscriptions(
    policy: InvitationPolicy, arrivals: ThresholdWakeup, reports: ThresholdWakeup
) -> tuple[Subscription, ...]:
    """Return the consumer groups. New parents count towards `arrivals`, first delivery reports towards `reports`."""
    return (
        _roster_subscription(policy, arrivals),
        _notifier_subscription(reports),
        _signup_subscription(policy),
    )


def _roster_subscription(policy: InvitationPolicy, arrivals: ThresholdWakeup) -> Subscription:
    on_any_parent = partial(on_parent, policy)
    return Subscription(
        "invitations.on-roster",
        {
            roster.SchoolRegistered: partial(on_school, policy),
            roster.SchoolSettingsChanged: partial(on_school, policy),
            roster.ParentAdded: arrivals.counting(on_any_parent),
            roster.ParentRenamed: on_any_parent,
            roster.ParentContactChanged: on_any_parent,
            roster.ParentAccessChanged: on_any_parent,
            roster.ParentRemoved: partial(on_parent_removed, policy),
            roster.InvitationRequested: partial(on_invitation_requested, policy),
        },
        after_commit=arrivals.count_committed,
    )


def _notifier_subscription(reports: ThresholdWakeup) -> Subscription:
    return Subscription(
        "invitations.on-notifier",
        {
            notifier.MessageSent: reports.counting(on_message_sent),
            notifier.MessageDelivered: on_message_delivered,
            notifier.MessageFailed: reports.counting(on_message_failed),
            notifier.MessageOutcomeUnknown: reports.counting(on_message_outcome_unknown),
            notifier.RecipientOptedOut: on_recipient_opted_out,
            notifier.RecipientOptedIn: on_recipient_opted_in,
        },
        after_commit=reports.count_committed,
    )


def _signup_subscription(policy: InvitationPolicy) -> Subscription:
    return Subscription(
        "invitations.on-signup",
        {
            signup.VerificationSubmitted: partial(on_verification_submitted, policy),
            signup.SignUpSubmitted: on_sign_up_submitted,
            signup.FreshLinkRequested: partial(on_fresh_link_requested, policy),
            signup.SignedUp: on_signed_up,
        },
    )


async def on_school(
    policy: InvitationPolicy, tx: Transaction, batch: Sequence[Received[SchoolEvent]]
) -> None:
    await upsert_schools(tx, policy, [_school(message) for message in batch])


async def on_parent(
    policy: InvitationPolicy, tx: Transaction, batch: Sequence[Received[ParentEvent]]
) -> None:
    await upsert_parents(tx, policy, [_parent(message) for message in batch])


async def on_parent_removed(
    policy: InvitationPolicy, tx: Transaction, batch: Sequence[Received[roster.ParentRemoved]]
) -> None:
    removed = [
        ParentReplica(
            Parent(message.data.parent_id, message.school_id, has_access=False, removed=True),
            message.version,
        )
        for message in batch
    ]
    await upsert_parents(tx, policy, removed)


async def on_invitation_requested(
    policy: InvitationPolicy, tx: Transaction, batch: Sequence[Received[roster.InvitationRequested]]
) -> None:
    requests = [
        PendingInvitation(
            parent_id=message.data.parent_id,
            school_id=message.school_id,
            channel=Channel(message.data.channel or "email"),
            contact_id=message.data.contact_id,
            actor=message.actor,
        )
        for message in batch
    ]
    await request_invitations(tx, policy, requests)


async def on_message_sent(tx: Transaction, batch: Sequence[Received[notifier.MessageSent]]) -> None:
    await apply_delivery(tx, [_report(message.data, Delivery.SENT) for message in batch])


async def on_message_delivered(tx: Transaction, batch: Sequence[Received[notifier.MessageDelivered]]) -> None:
    await apply_delivery(tx, [_report(message.data, Delivery.DELIVERED) for message in batch])


async def on_message_failed(tx: Transaction, batch: Sequence[Received[notifier.MessageFailed]]) -> None:
    reports = [
        _report(message.data, _failure(message.data), message.data.reason, message.data.code)
        for message in batch
    ]
    await apply_delivery(tx, reports)


async def on_message_outcome_unknown(
    tx: Transaction, batch: Sequence[Received[notifier.MessageOutcomeUnknown]]
) -> None:
    await apply_delivery(
        tx, [_report(message.data, Delivery.UNKNOWN, message.data.reason) for message in batch]
    )


async def on_recipient_opted_out(
    tx: Transaction, batch: Sequence[Received[notifier.RecipientOptedOut]]
) -> None:
    await save_opt_outs(tx, [_opt_out(message, opted_out=True) for message in batch])


async def on_recipient_opted_in(
    tx: Transaction, batch: Sequence[Received[notifier.RecipientOptedIn]]
) -> None:
    await save_opt_outs(tx, [_opt_out(message, opted_out=False) for message in batch])


async def on_verification_submitted(
    policy: InvitationPolicy, tx: Transaction, batch: Sequence[Received[signup.VerificationSubmitted]]
) -> None:
    await verify_contact(tx, policy, [_submission(message.data) for message in batch])


async def on_sign_up_submitted(tx: Transaction, batch: Sequence[Received[signup.SignUpSubmitted]]) -> None:
    await accept_sign_up(tx, [_submission(message.data) for message in batch])


async def on_fresh_link_requested(
    policy: InvitationPolicy, tx: Transaction, batch: Sequence[Received[signup.FreshLinkRequested]]
) -> None:
    await resend_links(tx, policy, [message.data.invitation_id for message in batch])


async def on_signed_up(tx: Transaction, batch: Sequence[Received[signup.SignedUp]]) -> None:
    await complete_sign_up(tx, [(message.data.invitation_id, message.data.signed_up_at) for message in batch])


def _school(message: Received[SchoolEvent]) -> SchoolReplica:
    data = message.data.school
    _check_storable(data.name, data.language, data.timezone)
    days = min(max(data.invitation_lifetime_days, 1), MAX_LIFETIME_DAYS)
    school = School(
        school_id=message.data.school_id,
        name=data.name,
        language=data.language,
        timezone=data.timezone,
        credentials_mode=data.credentials_mode,
        lifetime=timedelta(days=days),
        reminders=tuple(timedelta(days=day) for day in sorted(set(data.reminder_days)) if 0 < day < days),
        quiet=QuietHours(data.quiet_from.replace(tzinfo=None), data.quiet_until.replace(tzinfo=None)),
    )
    return SchoolReplica(school, message.version)


def _parent(message: Received[ParentEvent]) -> ParentReplica:
    details, children = message.data.parent, message.data.children
    _check_storable(details.name, details.language or "", *(contact.address for contact in details.contacts))
    parent = Parent(
        parent_id=message.data.parent_id,
        school_id=message.school_id,
        name=details.name,
        language=details.language,
        contacts=tuple(
            Contact(
                contact.contact_id,
                ContactKind(contact.kind),
                contact.address,
                contact.preferred,
                contact.verified,
            )
            for contact in details.contacts
        ),
        has_access=any(child.rights == "full" for child in children),
    )
    return ParentReplica(parent, message.version, tuple(child.student_id for child in children))


def _check_storable(*texts: str) -> None:
    """Raise Rejected if a text contains NUL, which PostgreSQL cannot store."""
    if any("\x00" in text for text in texts):
        raise Rejected("text_holds_nul")


def _report(
    data: MessageEvent, delivery: Delivery, reason: str | None = None, code: str | None = None
) -> DeliveryReport:
    return DeliveryReport(data.message_id, data.invitation_id, delivery, reason, code)


def _failure(data: notifier.MessageFailed) -> Delivery:
    if data.permanent:
        return Delivery.SUPPRESSED if data.code in SUPPRESSED_CODES else Delivery.FAILED_PERMANENT
    return Delivery.DEFERRED if data.code in DEFERRED_CODES else Delivery.FAILED_TEMPORARY


def _opt_out(
    message: Received[notifier.RecipientOptedOut] | Received[notifier.RecipientOptedIn], *, opted_out: bool
) -> OptOut:
    return OptOut(
        parent_id=message.data.parent_id,
        school_id=message.school_id,
        channel=Channel(message.data.channel),
        address_digest=message.data.address_digest,
        version=message.version,
        opted_out=opted_out,
    )


def _submission(data: signup.VerificationSubmitted | signup.SignUpSubmitted) -> Submission:
    return Submission(data.submission_id, data.invitation_id, data.generation, data.submitted_at)

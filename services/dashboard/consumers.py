"""Consumers of the other services' events: one subscription per source service, one handler per event type.

A handler gets a batch of events of one type, decodes each into values of the projection and calls one use case.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeAlias, TypeVar
from uuid import UUID

from services.dashboard.domain.parent_projection import (
    STAGE_OF_TEMPLATE,
    Account,
    Contact,
    InvitationState,
    Link,
    Outcome,
    ParentProjection,
    Person,
    Progress,
    Sending,
    Stage,
    choose_shown_retry,
    classify_failure,
)
from services.dashboard.domain.reachability import OptOut
from services.dashboard.domain.schools_students import School, Student
from services.dashboard.domain.timeline import TimelineEntry, kind_of_event
from services.dashboard.use_cases.projection import (
    OptOutUpdate,
    ProjectionUpdate,
    upsert_opt_outs,
    upsert_parents,
    upsert_schools,
    upsert_students,
)
from shared.contracts import invitations, notifier, roster, signup
from shared.contracts.envelope import Received
from shared.contracts.message import Message
from shared.contracts.values import ContactKind, Delivery, Template
from shared.runtime.database import Transaction
from shared.runtime.messaging import Handler, Subscription

M = TypeVar("M", bound=Message)
Batch: TypeAlias = Sequence[Received[M]]
SchoolEvent = TypeVar("SchoolEvent", bound=roster.SchoolRegistered | roster.SchoolSettingsChanged)
StudentEvent = TypeVar("StudentEvent", bound=roster.StudentAdded | roster.StudentDetailsChanged)
ParentEvent = TypeVar(
    "ParentEvent",
    bound=roster.ParentAdded
    | roster.ParentRenamed
    | roster.ParentContactChanged
    | roster.ParentAccessChanged,
)
SiblingsEvent = TypeVar("SiblingsEvent", bound=roster.SiblingsLinked | roster.SiblingsUnlinked)
LinkEvent = TypeVar("LinkEvent", bound=invitations.VerificationRequested | invitations.InvitationIssued)
ProgressEvent = TypeVar(
    "ProgressEvent",
    bound=invitations.ContactVerified
    | invitations.InvitationAccepted
    | invitations.InvitationExpired
    | invitations.InvitationWithdrawn
    | invitations.InvitationBlocked,
)
DeliveryEvent = TypeVar(
    "DeliveryEvent",
    bound=notifier.MessageSent
    | notifier.MessageDelivered
    | notifier.MessageFailed
    | notifier.MessageOutcomeUnknown,
)
OptOutEvent = TypeVar("OptOutEvent", bound=notifier.RecipientOptedOut | notifier.RecipientOptedIn)


# ---------------------------------------------------------------- roster
async def on_school_registered(tx: Transaction, batch: Batch[roster.SchoolRegistered]) -> None:
    await upsert_schools(tx, [decode_school(event) for event in batch])


async def on_school_settings_changed(tx: Transaction, batch: Batch[roster.SchoolSettingsChanged]) -> None:
    await upsert_schools(tx, [decode_school(event) for event in batch])


async def on_student_added(tx: Transaction, batch: Batch[roster.StudentAdded]) -> None:
    await upsert_students(tx, [decode_student(event) for event in batch])


async def on_student_details_changed(tx: Transaction, batch: Batch[roster.StudentDetailsChanged]) -> None:
    await upsert_students(tx, [decode_student(event) for event in batch])


async def on_student_removed(tx: Transaction, batch: Batch[roster.StudentRemoved]) -> None:
    await upsert_students(tx, [decode_student_removed(event) for event in batch])


async def on_parent_added(tx: Transaction, batch: Batch[roster.ParentAdded]) -> None:
    await upsert_parents(tx, [decode_parent(event) for event in batch])


async def on_parent_renamed(tx: Transaction, batch: Batch[roster.ParentRenamed]) -> None:
    await upsert_parents(tx, [decode_parent(event) for event in batch])


async def on_parent_contact_changed(tx: Transaction, batch: Batch[roster.ParentContactChanged]) -> None:
    await upsert_parents(tx, [decode_parent(event) for event in batch])


async def on_parent_access_changed(tx: Transaction, batch: Batch[roster.ParentAccessChanged]) -> None:
    await upsert_parents(tx, [decode_parent(event) for event in batch])


async def on_parent_removed(tx: Transaction, batch: Batch[roster.ParentRemoved]) -> None:
    await upsert_parents(tx, [decode_parent_removed(event) for event in batch])


async def on_invitation_requested(tx: Transaction, batch: Batch[roster.InvitationRequested]) -> None:
    await upsert_parents(tx, [_to_update(event, event.data.parent_id) for event in batch])


async def on_siblings_linked(tx: Transaction, batch: Batch[roster.SiblingsLinked]) -> None:
    await upsert_parents(tx, [update for event in batch for update in decode_siblings(event)])


async def on_siblings_unlinked(tx: Transaction, batch: Batch[roster.SiblingsUnlinked]) -> None:
    await upsert_parents(tx, [update for event in batch for update in decode_siblings(event)])


# ---------------------------------------------------------------- invitations
async def on_verification_requested(tx: Transaction, batch: Batch[invitations.VerificationRequested]) -> None:
    await upsert_parents(tx, [decode_link(event) for event in batch])


async def on_contact_verified(tx: Transaction, batch: Batch[invitations.ContactVerified]) -> None:
    await upsert_parents(tx, [decode_progress(event, InvitationState.VERIFIED) for event in batch])


async def on_invitation_issued(tx: Transaction, batch: Batch[invitations.InvitationIssued]) -> None:
    await upsert_parents(tx, [decode_link(event) for event in batch])


async def on_invitation_accepted(tx: Transaction, batch: Batch[invitations.InvitationAccepted]) -> None:
    await upsert_parents(tx, [decode_progress(event, InvitationState.ACCEPTED) for event in batch])


async def on_invitation_refused(tx: Transaction, batch: Batch[invitations.InvitationRefused]) -> None:
    await upsert_parents(tx, [decode_refusal(event) for event in batch])


async def on_invitation_expired(tx: Transaction, batch: Batch[invitations.InvitationExpired]) -> None:
    await upsert_parents(tx, [decode_progress(event, InvitationState.EXPIRED) for event in batch])


async def on_invitation_withdrawn(tx: Transaction, batch: Batch[invitations.InvitationWithdrawn]) -> None:
    await upsert_parents(tx, [decode_progress(event, InvitationState.WITHDRAWN) for event in batch])


async def on_invitation_blocked(tx: Transaction, batch: Batch[invitations.InvitationBlocked]) -> None:
    await upsert_parents(tx, [decode_progress(event, InvitationState.BLOCKED) for event in batch])


# ---------------------------------------------------------------- notifier and signup
async def on_message_sent(tx: Transaction, batch: Batch[notifier.MessageSent]) -> None:
    await upsert_parents(tx, [decode_delivery(event, Delivery.SENT) for event in batch])


async def on_message_delivered(tx: Transaction, batch: Batch[notifier.MessageDelivered]) -> None:
    await upsert_parents(tx, [decode_delivery(event, Delivery.DELIVERED) for event in batch])


async def on_message_failed(tx: Transaction, batch: Batch[notifier.MessageFailed]) -> None:
    await upsert_parents(tx, [decode_failure(event) for event in batch])


async def on_message_outcome_unknown(tx: Transaction, batch: Batch[notifier.MessageOutcomeUnknown]) -> None:
    await upsert_parents(tx, [decode_delivery(event, Delivery.UNKNOWN) for event in batch])


async def on_recipient_opted_out(tx: Transaction, batch: Batch[notifier.RecipientOptedOut]) -> None:
    await upsert_opt_outs(tx, [decode_opt_out(event) for event in batch])


async def on_recipient_opted_in(tx: Transaction, batch: Batch[notifier.RecipientOptedIn]) -> None:
    await upsert_opt_outs(tx, [decode_opt_out(event) for event in batch])


async def on_signed_up(tx: Transaction, batch: Batch[signup.SignedUp]) -> None:
    await upsert_parents(tx, [decode_signed_up(event) for event in batch])


_HANDLERS: Mapping[str, Mapping[type[Message], Handler]] = {
    "dashboard.on-roster": {
        roster.SchoolRegistered: on_school_registered,
        roster.SchoolSettingsChanged: on_school_settings_changed,
        roster.StudentAdded: on_student_added,
        roster.StudentDetailsChanged: on_student_details_changed,
        roster.StudentRemoved: on_student_removed,
        roster.ParentAdded: on_parent_added,
        roster.ParentRenamed: on_parent_renamed,
        roster.ParentContactChanged: on_parent_contact_changed,
        roster.ParentAccessChanged: on_parent_access_changed,
        roster.ParentRemoved: on_parent_removed,
        roster.InvitationRequested: on_invitation_requested,
        roster.SiblingsLinked: on_siblings_linked,
        roster.SiblingsUnlinked: on_siblings_unlinked,
    },
    "dashboard.on-invitations": {
        invitations.VerificationRequested: on_verification_requested,
        invitations.ContactVerified: on_contact_verified,
        invitations.InvitationIssued: on_invitation_issued,
        invitations.InvitationAccepted: on_invitation_accepted,
        invitations.InvitationRefused: on_invitation_refused,
        invitations.InvitationExpired: on_invitation_expired,
        invitations.InvitationWithdrawn: on_invitation_withdrawn,
        invitations.InvitationBlocked: on_invitation_blocked,
    },
    "dashboard.on-notifier": {
        notifier.MessageSent: on_message_sent,
        notifier.MessageDelivered: on_message_delivered,
        notifier.MessageFailed: on_message_failed,
        notifier.MessageOutcomeUnknown: on_message_outcome_unknown,
        notifier.RecipientOptedOut: on_recipient_opted_out,
        notifier.RecipientOptedIn: on_recipient_opted_in,
    },
    "dashboard.on-signup": {
        signup.SignedUp: on_signed_up,
    },
}


def subscriptions() -> tuple[Subscription, ...]:
    """Return the subscriptions of all consumer groups."""
    return tuple(Subscription(group=group, handlers=handlers) for group, handlers in _HANDLERS.items())


# ---------------------------------------------------------------- decoding
def decode_school(event: Received[SchoolEvent]) -> School:
    """Return the school with the settings of the event."""
    school = event.data.school
    return School(
        school_id=event.data.school_id,
        version=event.version,
        name=school.name,
        country=school.country,
        language=school.language,
        timezone=school.timezone,
        invitation_lifetime_days=school.invitation_lifetime_days,
    )


def decode_student(event: Received[StudentEvent]) -> Student:
    """Return the student with the details of the event."""
    details = event.data.student
    identity = (event.school_id, event.data.student_id, event.version)
    return Student(*identity, details.name, details.number, details.class_name)


def decode_student_removed(event: Received[roster.StudentRemoved]) -> Student:
    """Return the student without the details."""
    return Student(event.school_id, event.data.student_id, event.version, removed=True)


def decode_parent(event: Received[ParentEvent]) -> ProjectionUpdate:
    """Return the update of the group `person`; every such event carries the whole parent record."""
    details = event.data.parent
    person = Person(
        version=event.version,
        name=details.name,
        language=details.language,
        contacts=tuple(
            Contact(c.contact_id, ContactKind(c.kind), c.address, c.preferred, c.verified)
            for c in details.contacts
        ),
        links=tuple(Link(c.student_id, c.relation, c.rights, c.reason) for c in event.data.children),
    )
    parent = ParentProjection(event.school_id, event.data.parent_id, person=person)
    return _to_update(event, event.data.parent_id, parent=parent)


def decode_parent_removed(event: Received[roster.ParentRemoved]) -> ProjectionUpdate:
    """Return the update that removes the name and the contacts with the parent."""
    parent_id = event.data.parent_id
    parent = ParentProjection(event.school_id, parent_id, person=Person(event.version, removed=True))
    return _to_update(event, parent_id, parent=parent)


def decode_siblings(event: Received[SiblingsEvent]) -> list[ProjectionUpdate]:
    """Return a timeline entry for every parent of the group; the children follow with the parents' own events."""
    return [_to_update(event, parent_id) for parent_id in event.data.parent_ids]


def decode_link(event: Received[LinkEvent]) -> ProjectionUpdate:
    """Return the update for a message with a link: the state, the sending, and the outcome that now counts."""
    data = event.data
    is_verification = isinstance(data, invitations.VerificationRequested)
    state = InvitationState.AWAITING_VERIFICATION if is_verification else InvitationState.INVITED
    stage = Stage.VERIFY if is_verification else Stage.INVITE
    delivery = Delivery.DEFERRED if data.send_at else Delivery.QUEUED
    link = (data.generation, data.channel, data.contact_id, data.expires_at)
    parent = ParentProjection(
        event.school_id,
        data.parent_id,
        progress=Progress(event.version, state, event.time),
        sending=Sending(event.version, *link, event.time),
        outcome=Outcome(data.generation, stage, data.message_id, 0, delivery, data.send_at or event.time),
    )
    entry = _to_entry(event, channel=data.channel)
    if data.send_at:
        entry = entry._replace(kind="verification_waits" if is_verification else "invitation_waits")
    return _to_update(event, data.parent_id, entry, parent)


def decode_progress(event: Received[ProgressEvent], state: InvitationState) -> ProjectionUpdate:
    """Return the update for a new state of the invitation without a message; a verification confirms a contact."""
    data = event.data
    reason = data.reason if isinstance(data, invitations.InvitationBlocked) else None
    confirmed = {data.contact_id} if isinstance(data, invitations.ContactVerified) else ()
    progress = Progress(event.version, state, event.time, reason)
    parent = ParentProjection(
        event.school_id, data.parent_id, progress=progress, confirmed=frozenset(confirmed)
    )
    return _to_update(event, data.parent_id, _to_entry(event, reason=reason), parent)


def decode_refusal(event: Received[invitations.InvitationRefused]) -> ProjectionUpdate:
    """Return a timeline entry; a refused submission does not change the invitation."""
    return _to_update(event, event.data.parent_id, _to_entry(event, reason=event.data.reason))


def decode_delivery(event: Received[DeliveryEvent], delivery: Delivery) -> ProjectionUpdate:
    """Return the update of the group `outcome`; it counts only if it is about the invitation's last message."""
    data, at = event.data, event.time
    reason = code = None
    shown_at: datetime | None = at
    if isinstance(data, notifier.MessageFailed):
        reason, code = data.reason, data.code
        if delivery is Delivery.FAILED_TEMPORARY:
            shown_at = choose_shown_retry(at, data.retry_at)
    elif isinstance(data, notifier.MessageOutcomeUnknown):
        reason = data.reason
    message = (data.generation, STAGE_OF_TEMPLATE[Template(data.template)], data.message_id)
    outcome = Outcome(*message, event.version, delivery, shown_at, reason, code)
    entry = _to_entry(event, channel=data.channel, template=data.template, reason=reason)
    if delivery is Delivery.FAILED_TEMPORARY:
        entry = entry._replace(kind="message_deferred")
    parent = ParentProjection(event.school_id, data.parent_id, outcome=outcome)
    return _to_update(event, data.parent_id, entry, parent)


def decode_failure(event: Received[notifier.MessageFailed]) -> ProjectionUpdate:
    """Return the update for a temporary or permanent failure, or for a recipient who opted out."""
    return decode_delivery(event, classify_failure(event.data.code, permanent=event.data.permanent))


def decode_opt_out(event: Received[OptOutEvent]) -> OptOutUpdate:
    """Return the opt-out or opt-in of an address with its timeline entry."""
    data = event.data
    opted_out = isinstance(data, notifier.RecipientOptedOut)
    at = data.opted_out_at if isinstance(data, notifier.RecipientOptedOut) else data.opted_in_at
    identity = (event.school_id, data.parent_id, data.channel, data.address_digest)
    entry = TimelineEntry(kind_of_event(type(data).__name__), at, data.channel)
    return OptOutUpdate(OptOut(*identity, event.version, opted_out), entry, event.aggregate_id)


def decode_signed_up(event: Received[signup.SignedUp]) -> ProjectionUpdate:
    """Return the update of the group `account`."""
    data = event.data
    account = Account(data.signed_up_at, data.account_id)
    parent = ParentProjection(event.school_id, data.parent_id, account=account)
    return _to_update(event, data.parent_id, parent=parent)


def _to_update(
    event: Received[M],
    parent_id: UUID,
    entry: TimelineEntry | None = None,
    parent: ParentProjection | None = None,
) -> ProjectionUpdate:
    """Return the update; without `parent` it fills no field group, without `entry` it gets the plain one."""
    return ProjectionUpdate(
        parent or ParentProjection(event.school_id, parent_id),
        entry or _to_entry(event),
        event.aggregate_id,
        event.version,
    )


def _to_entry(
    event: Received[M], *, channel: str | None = None, template: str | None = None, reason: str | None = None
) -> TimelineEntry:
    kind = kind_of_event(type(event.data).__name__)
    return TimelineEntry(kind, event.time, channel, template, reason, event.actor)

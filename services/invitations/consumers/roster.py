"""What the roster says."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from services.invitations.domain.copies import ParentCopy, Requested, SchoolCopy
from services.invitations.domain.models import Contact, Parent, QuietHours, School
from services.invitations.domain.states import Channel
from services.invitations.service import roster
from services.invitations.service.desk import Desk
from shared.contracts import roster as facts
from shared.contracts.envelope import Received
from shared.runtime.core import Rejected
from shared.runtime.database import Transaction

SchoolFact = facts.SchoolRegistered | facts.SchoolSettingsChanged
ParentFact = facts.ParentAdded | facts.ParentRenamed | facts.ParentContactChanged | facts.ParentAccessChanged
MAX_LIFETIME_DAYS = 365


async def on_school(desk: Desk, tx: Transaction, batch: Sequence[Received[SchoolFact]]) -> None:
    await roster.keep_schools(tx, desk, [_school(message) for message in batch])


async def on_parent(desk: Desk, tx: Transaction, batch: Sequence[Received[ParentFact]]) -> None:
    await roster.keep_parents(tx, desk, [_parent(message) for message in batch])


async def on_parent_removed(
    desk: Desk, tx: Transaction, batch: Sequence[Received[facts.ParentRemoved]]
) -> None:
    gone = [
        Parent(message.data.parent_id, message.school_id, has_access=False, removed=True) for message in batch
    ]
    rows = [ParentCopy(parent, message.version) for parent, message in zip(gone, batch, strict=True)]
    await roster.keep_parents(tx, desk, rows)


async def on_invitation_requested(
    desk: Desk, tx: Transaction, batch: Sequence[Received[facts.InvitationRequested]]
) -> None:
    wishes = [
        Requested(
            parent_id=message.data.parent_id,
            school_id=message.school_id,
            channel=Channel(message.data.channel or "email"),
            contact_id=message.data.contact_id,
            actor=message.actor,
        )
        for message in batch
    ]
    await roster.want_invitations(tx, desk, wishes)


def _school(message: Received[SchoolFact]) -> SchoolCopy:
    school = message.data.school
    _storable(school.name, school.language, school.timezone)
    days = min(max(school.invitation_lifetime_days, 1), MAX_LIFETIME_DAYS)
    kept = School(
        school_id=message.data.school_id,
        name=school.name,
        language=school.language,
        timezone=school.timezone,
        credentials_mode=school.credentials_mode,
        lifetime=timedelta(days=days),
        reminders=tuple(timedelta(days=day) for day in sorted(set(school.reminder_days)) if 0 < day < days),
        quiet=QuietHours(school.quiet_from.replace(tzinfo=None), school.quiet_until.replace(tzinfo=None)),
    )
    return SchoolCopy(kept, message.version)


def _parent(message: Received[ParentFact]) -> ParentCopy:
    details, children = message.data.parent, message.data.children
    _storable(details.name, details.language or "", *(contact.address for contact in details.contacts))
    kept = Parent(
        parent_id=message.data.parent_id,
        school_id=message.school_id,
        name=details.name,
        language=details.language,
        contacts=tuple(
            Contact(one.contact_id, one.kind, one.address, one.preferred, one.verified)
            for one in details.contacts
        ),
        has_access=any(child.rights == "full" for child in children),
    )
    return ParentCopy(kept, message.version, tuple(child.student_id for child in children))


def _storable(*texts: str) -> None:
    """Raise Rejected for text that PostgreSQL cannot hold."""
    if any("\x00" in one for one in texts):
        raise Rejected("text_holds_nul")

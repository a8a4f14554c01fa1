"""Begin and end of every change of the roster: load a part of it, save the difference and emit its events."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from uuid import UUID

from services.roster.domain.people import Parent, School, SiblingGroup, Student
from services.roster.domain.roster_changes import AggregateChange, Change, RosterChanges, RosterDiff
from services.roster.storage.parents import load_parents, load_separated, save_parents, save_separated
from services.roster.storage.sibling_groups import load_groups, save_groups
from services.roster.storage.students import load_students, save_students
from shared.contracts import roster as events
from shared.contracts.message import Message
from shared.runtime.database import Transaction
from shared.runtime.messaging import Lane, OutboxMessage, emit

_STUDENT_EVENTS: dict[Change, type[Message]] = {
    Change.STUDENT_ADDED: events.StudentAdded,
    Change.STUDENT_DETAILS_CHANGED: events.StudentDetailsChanged,
}
_PARENT_EVENTS: dict[Change, type[Message]] = {
    Change.PARENT_ADDED: events.ParentAdded,
    Change.PARENT_RENAMED: events.ParentRenamed,
    Change.PARENT_CONTACT_CHANGED: events.ParentContactChanged,
    Change.PARENT_ACCESS_CHANGED: events.ParentAccessChanged,
}
_GROUP_EVENTS: dict[Change, type[Message]] = {
    Change.SIBLINGS_LINKED: events.SiblingsLinked,
    Change.SIBLINGS_UNLINKED: events.SiblingsUnlinked,
}


@dataclass(frozen=True, slots=True)
class ChangeOrigin:
    """Actor that caused a change, the priority lane of its events, and the trace that they continue."""

    actor: str | None = None
    lane: Lane = Lane.SINGLE
    traceparent: str | None = None


async def load_roster(
    tx: Transaction,
    school: School,
    *,
    student_ids: Collection[UUID] = (),
    parent_ids: Iterable[UUID] = (),
    family_keys: Iterable[str] = (),
    group_ids: Collection[UUID] = (),
) -> RosterChanges:
    """Return a part of the roster for a change of it.

    It contains the students with their parents, the parents, the holders of the family keys, the parents of the sibling
    groups, and every sibling group that one of these belongs to.
    """
    school_id = school.school_id
    groups = await load_groups(tx, school_id, group_ids=group_ids) if group_ids else []
    parents = await load_parents(
        tx,
        school_id,
        parent_ids=[*parent_ids, *(parent_id for group in groups for parent_id in group.parent_ids)],
        family_keys=family_keys,
        student_ids=student_ids,
    )
    loaded_ids = [parent.parent_id for parent in parents]
    return RosterChanges(
        school.contact_context,
        await load_students(tx, school_id, list(student_ids)),
        parents,
        await load_groups(tx, school_id, parent_ids=loaded_ids, student_ids=student_ids),
        await load_separated(tx, school_id, loaded_ids),
    )


async def save_changes(
    tx: Transaction,
    school_id: UUID,
    changes: RosterChanges,
    origin: ChangeOrigin,
    invite: Collection[UUID] = (),
) -> None:
    """Save what differs from the roster as loaded, and emit one event per change.

    `invite` names the parents whose invitation a person requested with this change.
    """
    diff = changes.diff(invite)
    await save_students(tx, school_id, diff.students)
    await save_parents(tx, school_id, diff.parents)
    await save_groups(tx, school_id, diff.groups)
    await save_separated(tx, school_id, separated=diff.separated, reunited=diff.reunited)
    outgoing = [
        OutboxMessage(event, school_id, version, actor=origin.actor, traceparent=origin.traceparent)
        for event, version in _list_events(diff)
    ]
    await emit(tx, *outgoing, lane=origin.lane)


def _list_events(diff: RosterDiff) -> list[tuple[Message, int]]:
    """Return the event of each change, and the version of its aggregate."""
    students = [(_student_event(change), change.version) for change in diff.students.changes]
    parents = [(_parent_event(change), change.version) for change in diff.parents.changes]
    groups = [(_group_event(change), change.version) for change in diff.groups.changes]
    return [*students, *parents, *groups]


def _student_event(change: AggregateChange[Student]) -> Message:
    student = change.after
    if student is None:
        assert change.before is not None
        return events.StudentRemoved(student_id=change.before.student_id)
    details = {"name": student.name, "number": student.number, "class_name": student.class_name}
    return _STUDENT_EVENTS[change.change].model_validate(
        {"student_id": student.student_id, "student": details}
    )


def _parent_event(change: AggregateChange[Parent]) -> Message:
    """Return a parent's event, validated from plain values: a model for each part would take twice as long."""
    parent = change.after
    if parent is None:
        assert change.before is not None
        return events.ParentRemoved(parent_id=change.before.parent_id)
    if change.change is Change.PARENT_INVITATION_REQUESTED:
        return events.InvitationRequested(parent_id=parent.parent_id)
    contacts = [
        {
            "contact_id": contact.contact_id,
            "kind": contact.kind,
            "address": contact.address,
            "preferred": contact.preferred,
            "verified": contact.verified,
        }
        for contact in parent.contacts
    ]
    children = [
        {
            "student_id": link.student_id,
            "relation": link.relation,
            "rights": link.rights,
            "reason": link.reason.value,
        }
        for link in parent.links
    ]
    details = {"name": parent.name, "language": parent.language, "contacts": contacts}
    return _PARENT_EVENTS[change.change].model_validate(
        {"parent_id": parent.parent_id, "parent": details, "children": children}
    )


def _group_event(change: AggregateChange[SiblingGroup]) -> Message:
    """Return a group's event; a group that was removed has no members."""
    group = change.after or change.before
    assert group is not None
    is_removed = change.after is None
    return _GROUP_EVENTS[change.change].model_validate(
        {
            "sibling_group_id": group.sibling_group_id,
            "parent_ids": () if is_removed else group.parent_ids,
            "student_ids": () if is_removed else group.student_ids,
            "reason": group.reason.value,
        }
    )

"""The end of every use case: versions step on, rows are written, facts are emitted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from functools import partial
from uuid import UUID

from services.roster.domain.people import Parent, SiblingGroup, Student
from services.roster.domain.register import Change, Register, group_change, parent_changes, student_change
from services.roster.service.turns import in_turns, meanwhile
from services.roster.storage.saving import save_register
from shared.contracts import roster as facts
from shared.contracts.message import Message
from shared.runtime.database import Transaction
from shared.runtime.messaging import Lane, OutboxMessage, emit

Step = tuple[Callable[[], Message], int]
"""Makes a fact, and the version of its aggregate after it."""
_STUDENT_FACTS: dict[Change, type[Message]] = {
    Change.STUDENT_ADDED: facts.StudentAdded,
    Change.STUDENT_DETAILS_CHANGED: facts.StudentDetailsChanged,
}
_PARENT_FACTS: dict[Change, type[Message]] = {
    Change.PARENT_ADDED: facts.ParentAdded,
    Change.PARENT_RENAMED: facts.ParentRenamed,
    Change.PARENT_CONTACT_CHANGED: facts.ParentContactChanged,
    Change.PARENT_ACCESS_CHANGED: facts.ParentAccessChanged,
}


@dataclass(frozen=True, slots=True)
class Origin:
    """Who caused a change, and how urgent its facts are."""

    actor: str | None = None
    lane: Lane = Lane.SINGLE
    traceparent: str | None = None


async def settle(
    tx: Transaction, school_id: UUID, register: Register, origin: Origin, invite: Collection[UUID] = ()
) -> None:
    """Write the register and emit one fact per change; `invite` are the parents whom a person wants invited now."""
    steps = list(_steps(register, invite))
    await save_register(tx, school_id, register)
    await emit(tx, *[_outgoing(step, school_id, origin) for step in steps], lane=origin.lane)


async def write(tx: Transaction, school_id: UUID, register: Register, origin: Origin) -> list[OutboxMessage]:
    """Write the register, and make its facts while the database is at work; the caller has yet to emit them."""
    steps = list(_steps(register))
    outgoing: list[OutboxMessage] = []
    async with meanwhile(save_register(tx, school_id, register)):
        for few in in_turns(steps):
            outgoing += [_outgoing(step, school_id, origin) for step in few]
            await asyncio.sleep(0)
    return outgoing


def _outgoing(step: Step, school_id: UUID, origin: Origin) -> OutboxMessage:
    fact, version = step
    return OutboxMessage(fact(), school_id, version, actor=origin.actor, traceparent=origin.traceparent)


def _steps(register: Register, invite: Collection[UUID] = ()) -> Iterator[Step]:
    """Take the versions of what changed one step on for each fact, and say which facts these are."""
    yield from _student_facts(register)
    yield from _parent_facts(register, invite)
    yield from _group_facts(register)


def _student_facts(register: Register) -> Iterator[Step]:
    begin = register.begin.students
    for student_id, after in list(register.students.items()):
        before = begin.get(student_id)
        if before is after:
            continue
        for change in student_change(before, after):
            version = after.version + 1
            register.put_student(after.at(version))
            yield partial(_student_fact, change, after), version
    for student_id in begin.keys() - register.students.keys():
        yield partial(facts.StudentRemoved, student_id=student_id), begin[student_id].version + 1


def _parent_facts(register: Register, invite: Collection[UUID]) -> Iterator[Step]:
    begin = register.begin.parents
    for parent_id, after in list(register.parents.items()):
        before = begin.get(parent_id)
        if before is after and parent_id not in invite:
            continue
        version = after.version
        for change in parent_changes(before, after):
            version += 1
            yield partial(_parent_fact, change, after), version
        if parent_id in invite:
            version += 1
            yield partial(facts.InvitationRequested, parent_id=parent_id), version
        if version > after.version:
            register.put_parent(after.at(version))
    for parent_id in begin.keys() - register.parents.keys():
        yield partial(facts.ParentRemoved, parent_id=parent_id), begin[parent_id].version + 1


def _group_facts(register: Register) -> Iterator[Step]:
    begin = register.begin.groups
    for group_id in list({**begin, **register.groups}):
        before, after = begin.get(group_id), register.groups.get(group_id)
        for change in group_change(before, after):
            version = max(before.version if before else 0, after.version if after else 0) + 1
            if after is not None:
                register.put_group(replace(after, version=version))
            yield partial(_group_fact, change, group_id, before, after), version


def _student_fact(change: Change, student: Student) -> Message:
    said = {"name": student.name, "number": student.number, "class_name": student.class_name}
    return _STUDENT_FACTS[change].model_validate({"student_id": student.student_id, "student": said})


def _parent_fact(change: Change, parent: Parent) -> Message:
    """From plain values at once: a model for each part would cost twice as much."""
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
    said = {"name": parent.name, "language": parent.language, "contacts": contacts}
    return _PARENT_FACTS[change].model_validate(
        {"parent_id": parent.parent_id, "parent": said, "children": children}
    )


def _group_fact(
    change: Change, group_id: UUID, before: SiblingGroup | None, after: SiblingGroup | None
) -> Message:
    fact = facts.SiblingsLinked if change is Change.SIBLINGS_LINKED else facts.SiblingsUnlinked
    group = after or before
    assert group is not None
    return fact(
        sibling_group_id=group_id,
        parent_ids=after.parent_ids if after else (),
        student_ids=after.student_ids if after else (),
        reason=group.reason.value,
    )

"""Tests of saving changes: which events are emitted for them, in which order and with which origin."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from services.roster.domain.people import Link
from services.roster.domain.roster_changes import RosterChanges
from services.roster.use_cases import save_changes as module
from services.roster.use_cases.save_changes import ChangeOrigin, save_changes
from shared.contracts import roster as events
from shared.runtime.messaging import Lane, OutboxMessage
from tests.unit.roster.builders import EMAIL, SCHOOL, email, group, make_id, parent, student

SCHOOL_ID = make_id(1)


@pytest.fixture
def outbox(monkeypatch: pytest.MonkeyPatch) -> list[tuple[OutboxMessage, Lane]]:
    """Return the emitted messages; nothing is saved."""
    messages: list[tuple[OutboxMessage, Lane]] = []

    async def emit(_: object, *emitted: OutboxMessage, lane: Lane) -> None:
        messages.extend((message, lane) for message in emitted)

    async def save(*_: object, **__: object) -> None:
        pass

    monkeypatch.setattr(module, "emit", emit)
    for name in ("save_students", "save_parents", "save_groups", "save_separated"):
        monkeypatch.setattr(module, name, save)
    return messages


async def test_each_change_is_one_event_of_its_aggregates_next_version(
    outbox: list[tuple[OutboxMessage, Lane]],
) -> None:
    changes = RosterChanges(
        SCHOOL,
        [student(11, version=3), student(12, version=5)],
        [parent(2, 11, version=4)],
        [group(5, (2,), (11, 12), version=6)],
    )
    changes.put_student(replace(student(11, version=3), name="Mia Weber", number="7", class_name="3b"))
    changes.remove_student(make_id(12))
    changes.put_parent(
        replace(changes.parents[make_id(2)], names=("Anna Weber",), language="fr", contacts=(email(),))
    )
    changes.put_parent(parent(3, 11, name="Ben Weber", version=0))
    await save_changes(Any, SCHOOL_ID, changes, ChangeOrigin("staff:1"), [make_id(3)])  # type: ignore[arg-type]
    assert [(type(message.data), message.version) for message, _ in outbox] == [
        (events.StudentDetailsChanged, 4),
        (events.StudentRemoved, 6),
        (events.ParentRenamed, 5),
        (events.ParentContactChanged, 6),
        (events.ParentAdded, 1),
        (events.InvitationRequested, 2),
        (events.SiblingsUnlinked, 7),
    ]
    assert {(message.school_id, message.actor, message.traceparent, lane) for message, lane in outbox} == {
        (SCHOOL_ID, "staff:1", None, Lane.SINGLE)
    }


async def test_events_have_the_whole_state_after_the_change(outbox: list[tuple[OutboxMessage, Lane]]) -> None:
    changes = RosterChanges(SCHOOL)
    changes.put_student(replace(student(11, version=0), number="7", class_name="3b"))
    record = parent(2, 11, contacts=(email(),), version=0)
    changes.put_parent(replace(record, links=(Link(make_id(11), "mother"),)))
    changes.put_group(group(5, (2,), (11, 12), version=0))
    origin = ChangeOrigin("api:x", Lane.BULK, "00-1-2-01")
    await save_changes(Any, SCHOOL_ID, changes, origin)  # type: ignore[arg-type]
    added, parent_added, linked = [message.data for message, _ in outbox]
    assert isinstance(added, events.StudentAdded)
    assert (added.student.name, added.student.number, added.student.class_name) == ("Mia Muster", "7", "3b")
    assert isinstance(parent_added, events.ParentAdded)
    assert (parent_added.parent.name, parent_added.parent.contacts[0].address) == ("Anna Muster", EMAIL)
    [child] = parent_added.children
    assert (child.student_id, child.relation, child.rights, child.reason) == (
        make_id(11),
        "mother",
        "full",
        "entered",
    )
    assert isinstance(linked, events.SiblingsLinked)
    assert (linked.parent_ids, linked.reason) == ((make_id(2),), "linked_by_staff")
    assert {(message.traceparent, lane) for message, lane in outbox} == {("00-1-2-01", Lane.BULK)}


async def test_a_removed_group_is_unlinked_without_members(outbox: list[tuple[OutboxMessage, Lane]]) -> None:
    siblings = group(5, (2,), (11, 12), automatic=True, version=6)
    changes = RosterChanges(SCHOOL, [], [parent(2, 11)], [siblings])
    changes.remove_parent(make_id(2))
    await save_changes(Any, SCHOOL_ID, changes, ChangeOrigin())  # type: ignore[arg-type]
    removed, unlinked = [message.data for message, _ in outbox]
    assert isinstance(removed, events.ParentRemoved)
    assert removed.parent_id == make_id(2)
    assert isinstance(unlinked, events.SiblingsUnlinked)
    assert (unlinked.parent_ids, unlinked.student_ids) == ((), ())
    assert unlinked.reason == "same_phone_and_email"


async def test_an_unchanged_roster_emits_nothing(
    outbox: list[tuple[OutboxMessage, Lane]],
) -> None:
    changes = RosterChanges(SCHOOL, [student(11)])
    changes.put_student(student(11))
    await save_changes(Any, SCHOOL_ID, changes, ChangeOrigin())  # type: ignore[arg-type]
    assert outbox == []

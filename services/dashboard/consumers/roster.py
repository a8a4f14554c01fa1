"""Facts of roster: schools, students, parents, siblings."""

from collections.abc import Sequence

from services.dashboard.service import translate
from services.dashboard.service.project import drop_students, keep_families, keep_schools, keep_students
from shared.contracts.envelope import Received
from shared.contracts.roster import (
    InvitationRequested,
    ParentAccessChanged,
    ParentAdded,
    ParentContactChanged,
    ParentRemoved,
    ParentRenamed,
    SchoolRegistered,
    SchoolSettingsChanged,
    SiblingsLinked,
    SiblingsUnlinked,
    StudentAdded,
    StudentDetailsChanged,
    StudentRemoved,
)
from shared.runtime.database import Transaction
from shared.runtime.messaging import Subscription


async def on_school_registered(tx: Transaction, batch: Sequence[Received[SchoolRegistered]]) -> None:
    await keep_schools(tx, batch)


async def on_school_settings_changed(
    tx: Transaction, batch: Sequence[Received[SchoolSettingsChanged]]
) -> None:
    await keep_schools(tx, batch)


async def on_student_added(tx: Transaction, batch: Sequence[Received[StudentAdded]]) -> None:
    await keep_students(tx, batch)


async def on_student_details_changed(
    tx: Transaction, batch: Sequence[Received[StudentDetailsChanged]]
) -> None:
    await keep_students(tx, batch)


async def on_student_removed(tx: Transaction, batch: Sequence[Received[StudentRemoved]]) -> None:
    await drop_students(tx, batch)


async def on_parent_added(tx: Transaction, batch: Sequence[Received[ParentAdded]]) -> None:
    await keep_families(tx, [translate.parent_fact(received) for received in batch])


async def on_parent_renamed(tx: Transaction, batch: Sequence[Received[ParentRenamed]]) -> None:
    await keep_families(tx, [translate.parent_fact(received) for received in batch])


async def on_parent_contact_changed(tx: Transaction, batch: Sequence[Received[ParentContactChanged]]) -> None:
    await keep_families(tx, [translate.parent_fact(received) for received in batch])


async def on_parent_access_changed(tx: Transaction, batch: Sequence[Received[ParentAccessChanged]]) -> None:
    await keep_families(tx, [translate.parent_fact(received) for received in batch])


async def on_parent_removed(tx: Transaction, batch: Sequence[Received[ParentRemoved]]) -> None:
    await keep_families(tx, [translate.parent_removed(received) for received in batch])


async def on_invitation_requested(tx: Transaction, batch: Sequence[Received[InvitationRequested]]) -> None:
    await keep_families(tx, [translate.invitation_requested(received) for received in batch])


async def on_siblings_linked(tx: Transaction, batch: Sequence[Received[SiblingsLinked]]) -> None:
    await keep_families(tx, [told for received in batch for told in translate.siblings(received)])


async def on_siblings_unlinked(tx: Transaction, batch: Sequence[Received[SiblingsUnlinked]]) -> None:
    await keep_families(tx, [told for received in batch for told in translate.siblings(received)])


SUBSCRIPTION = Subscription(
    group="dashboard.on-roster",
    handlers={
        SchoolRegistered: on_school_registered,
        SchoolSettingsChanged: on_school_settings_changed,
        StudentAdded: on_student_added,
        StudentDetailsChanged: on_student_details_changed,
        StudentRemoved: on_student_removed,
        ParentAdded: on_parent_added,
        ParentRenamed: on_parent_renamed,
        ParentContactChanged: on_parent_contact_changed,
        ParentAccessChanged: on_parent_access_changed,
        ParentRemoved: on_parent_removed,
        InvitationRequested: on_invitation_requested,
        SiblingsLinked: on_siblings_linked,
        SiblingsUnlinked: on_siblings_unlinked,
    },
)

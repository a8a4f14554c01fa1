"""Keeping the projection: a batch of facts of one type becomes a handful of statements."""

from collections.abc import Sequence
from typing import TypeAlias, TypeVar

from services.dashboard.domain.directory import School, Student
from services.dashboard.domain.family import merge_all
from services.dashboard.service.translate import Told
from services.dashboard.storage import changes, projection
from shared.contracts.envelope import Received
from shared.contracts.roster import (
    SchoolRegistered,
    SchoolSettingsChanged,
    StudentAdded,
    StudentDetailsChanged,
    StudentRemoved,
)
from shared.runtime.database import Transaction

SchoolFact: TypeAlias = SchoolRegistered | SchoolSettingsChanged
StudentFact: TypeAlias = StudentAdded | StudentDetailsChanged


SF = TypeVar("SF", bound=SchoolFact)
ST = TypeVar("ST", bound=StudentFact)


async def keep_families(tx: Transaction, batch: Sequence[Told]) -> None:
    """Merge what the batch says into the families' rows and add its lines to their timelines."""
    await projection.save_families(tx, merge_all(told.family for told in batch))
    await projection.add_timeline(tx, [told.placed for told in batch])
    await changes.tell_parents(tx, [(told.family.school_id, told.family.parent_id) for told in batch])


async def keep_students(tx: Transaction, batch: Sequence[Received[ST]]) -> None:
    """A student's name, number and class as the newest fact has them."""
    students = [
        Student(
            received.school_id,
            received.data.student_id,
            received.version,
            received.data.student.name,
            received.data.student.number,
            received.data.student.class_name,
        )
        for received in batch
    ]
    await projection.save_students(tx, students)
    await changes.tell_schools(tx, [student.school_id for student in students])


async def drop_students(tx: Transaction, batch: Sequence[Received[StudentRemoved]]) -> None:
    """The row keeps its version without the name, so that a late older fact brings nobody back."""
    students = [
        Student(received.school_id, received.data.student_id, received.version, removed=True)
        for received in batch
    ]
    await projection.save_students(tx, students)
    await changes.tell_schools(tx, [student.school_id for student in students])


async def keep_schools(tx: Transaction, batch: Sequence[Received[SF]]) -> None:
    """A school's name and settings as the newest fact has them."""
    schools = [
        School(
            school_id=received.data.school_id,
            version=received.version,
            name=received.data.school.name,
            country=received.data.school.country,
            language=received.data.school.language,
            timezone=received.data.school.timezone,
            invitation_lifetime_days=received.data.school.invitation_lifetime_days,
        )
        for received in batch
    ]
    await projection.save_schools(tx, schools)
    await changes.tell_schools(tx, [school.school_id for school in schools])

"""Applying of an import's staged rows to the roster, in the caller's one transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from uuid import UUID

from services.roster.domain.import_state import ImportCounts
from services.roster.domain.matching import PlacementResult, place_student
from services.roster.domain.parsed_rows import ParsedStudent, from_json_values
from services.roster.domain.people import School
from services.roster.storage.import_staging import find_batch
from services.roster.storage.imports import ImportClaim, prefer_indexes
from services.roster.storage.students import StudentLookup, find_students
from services.roster.use_cases.save_changes import ChangeOrigin, load_roster, save_changes
from shared.runtime.core import new_id
from shared.runtime.database import Transaction
from shared.runtime.messaging import Lane

BATCH_ROWS = 500


@dataclass(slots=True)
class _Tally:
    """Students of the file by what happened to them; several rows can name the same student."""

    counts: ImportCounts
    added: set[UUID] = field(default_factory=set)
    changed: set[UUID] = field(default_factory=set)
    unchanged: set[UUID] = field(default_factory=set)

    def add(self, result: PlacementResult) -> None:
        self.counts.parents_new += result.parents_added
        self.counts.siblings_linked += result.siblings_linked
        if result.is_new_student:
            self.added.add(result.student_id)
        elif result.student_id not in self.added:
            (self.changed if result.has_changes else self.unchanged).add(result.student_id)

    def total(self) -> ImportCounts:
        self.counts.students_new = len(self.added)
        self.counts.students_changed = len(self.changed)
        self.counts.unchanged = len(self.unchanged - self.changed)
        return self.counts


async def apply_staged_rows(
    tx: Transaction, school: School, claim: ImportClaim, counts: ImportCounts
) -> ImportCounts:
    """Apply every staged row, and return the counts of what that did.

    `school` must be claimed by this transaction; `counts` has the numbers of rows. Events go to the bulk lane, and
    nobody is invited (P18).
    """
    tally = _Tally(ImportCounts(rows=counts.rows, rows_refused=counts.rows_refused))
    origin = ChangeOrigin(claim.actor, Lane.BULK, claim.traceparent)
    await prefer_indexes(tx)
    async for students in _iterate_batches(tx, claim):
        await _apply_batch(tx, school, students, tally, origin)
    return tally.total()


async def _iterate_batches(tx: Transaction, claim: ImportClaim) -> AsyncIterator[list[ParsedStudent]]:
    """Yield all staged rows in the file's order, up to BATCH_ROWS at a time."""
    position = 0
    while (staged := await find_batch(tx, claim, position)) is not None:
        for start in range(0, len(staged), BATCH_ROWS):
            yield [from_json_values(values) for values in staged[start : start + BATCH_ROWS]]
        position += 1


async def _apply_batch(
    tx: Transaction, school: School, students: list[ParsedStudent], tally: _Tally, origin: ChangeOrigin
) -> None:
    lookups = [_lookup(student) for student in students]
    present = await find_students(tx, school.school_id, lookups)
    context = school.contact_context
    family_keys = {
        key for student in students for parent in student.parents if (key := parent.family_key(context))
    }
    changes = await load_roster(tx, school, student_ids=set(present.values()), family_keys=family_keys)
    added: dict[tuple[str | None, str | None], UUID] = {}
    for position, (student, lookup) in enumerate(zip(students, lookups, strict=True)):
        # A later row of the batch finds the student by its number, or by its match key if it has no number.
        own_key = lookup.number, lookup.match_key
        result = place_student(changes, student, present.get(position) or added.get(own_key), new_id)
        added[own_key] = result.student_id
        tally.add(result)
    await save_changes(tx, school.school_id, changes, origin)


def _lookup(student: ParsedStudent) -> StudentLookup:
    contact_keys = tuple(
        contact.casefold()
        for parent in student.parents
        for contact in (parent.phone, parent.email)
        if contact
    )
    return StudentLookup(student.number, student.match_key, student.name_key, contact_keys)

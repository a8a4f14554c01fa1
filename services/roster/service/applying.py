"""Staged rows into the roster, set-wise, in the caller's one transaction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from services.roster.domain.entries import StudentEntry, match_key, of_plain
from services.roster.domain.importing import Counts
from services.roster.domain.matching import Placed, place
from services.roster.domain.register import Register
from services.roster.domain.school import School
from services.roster.service.settling import Origin, settle
from services.roster.storage.imports import ImportClaim, expect_many_rows, keep_plans
from services.roster.storage.loading import load_register
from services.roster.storage.staging import staged_rows
from services.roster.storage.students import find_known
from shared.runtime.database import Transaction
from shared.runtime.ids import new_id
from shared.runtime.outbox import Lane

ROWS_AT_ONCE = 500
ROWS_TO_PLAN_BY = 2_000


@dataclass(slots=True)
class _Tally:
    """Which pupils of the file were new, or changed; one can stand in several rows."""

    counts: Counts
    new: set[UUID] = field(default_factory=set)
    changed: set[UUID] = field(default_factory=set)
    same: set[UUID] = field(default_factory=set)

    def add(self, placed: Placed) -> None:
        self.counts.parents_new += placed.new_parents
        self.counts.siblings_linked += placed.siblings
        if placed.student_is_new:
            self.new.add(placed.student_id)
        elif placed.student_id not in self.new:
            (self.changed if placed.changed else self.same).add(placed.student_id)

    def total(self) -> Counts:
        self.counts.students_new = len(self.new)
        self.counts.students_changed = len(self.changed)
        self.counts.unchanged = len(self.same - self.changed)
        return self.counts


async def apply_rows(tx: Transaction, school: School, claim: ImportClaim, read: Counts) -> Counts:
    """Put every staged row into the roster; facts go to the bulk lane, and nobody is invited (P18).

    `school` must be claimed by this transaction. Answers the counts of what was done.
    """
    tally = _Tally(Counts(rows=read.rows, rows_refused=read.rows_refused))
    origin = Origin(claim.actor, Lane.BULK, claim.traceparent)
    after, applied = 0, 0
    while rows := await staged_rows(tx, claim, after=after, limit=ROWS_AT_ONCE):
        after = rows[-1][0]
        await expect_many_rows(tx)
        register = await _apply(tx, school, [of_plain(plain) for _, plain in rows], tally)
        if applied >= ROWS_TO_PLAN_BY:
            await keep_plans(tx)
        await settle(tx, school.school_id, register, origin)
        applied += len(rows)
    return tally.total()


async def _apply(tx: Transaction, school: School, entries: list[StudentEntry], tally: _Tally) -> Register:
    known = await find_known(tx, school.school_id, [_as_sought(i, entry) for i, entry in enumerate(entries)])
    keys = {key for entry in entries for parent in entry.parents if (key := parent.key(school.surroundings))}
    register = await load_register(tx, school, students=set(known.values()), keys=keys)
    fresh: dict[str, UUID] = {}
    for position, entry in enumerate(entries):
        names = list(_own_names(entry))
        student_id = known.get(position) or next((fresh[name] for name in names if name in fresh), None)
        placed = place(register, entry, student_id, new_id)
        fresh.update(dict.fromkeys(names, placed.student_id))
        tally.add(placed)
    return register


def _own_names(entry: StudentEntry) -> Iterable[str]:
    """What finds a pupil again in the same batch."""
    if entry.number:
        yield f"number {entry.number}"
    else:
        yield f"key {match_key(entry)}"


def _as_sought(position: int, entry: StudentEntry) -> dict[str, Any]:
    contacts = [
        contact.casefold() for parent in entry.parents for contact in (parent.phone, parent.email) if contact
    ]
    return {
        "position": position,
        "number": entry.number,
        "match_key": match_key(entry),
        "name_key": entry.name_key,
        "keys": contacts,
    }

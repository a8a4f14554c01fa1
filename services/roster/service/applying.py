"""Staged rows into the roster, set-wise, in the caller's one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from services.roster.domain.entries import StudentEntry, match_key, of_plain
from services.roster.domain.importing import Counts
from services.roster.domain.matching import Placed, place
from services.roster.domain.register import Register
from services.roster.domain.school import School
from services.roster.service.settling import Origin, write
from services.roster.service.turns import in_turns, meanwhile
from services.roster.storage.imports import ImportClaim, expect_many_rows
from services.roster.storage.loading import load_register
from services.roster.storage.staging import staged_entries
from services.roster.storage.students import Sought, find_known
from shared.runtime.core import new_id
from shared.runtime.database import Transaction
from shared.runtime.messaging import Lane, OutboxMessage, emit

ROWS_AT_ONCE = 500


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
    said: list[OutboxMessage] = []
    await expect_many_rows(tx)
    async for plain in _batches(tx, claim):
        batch = await _load(tx, school, [of_plain(one) for one in plain])
        # The facts of the batch before are written while the families of this one are found.
        async with meanwhile(emit(tx, *said, lane=origin.lane)):
            await _place(batch, tally)
        said = await write(tx, school.school_id, batch.register, origin)
    await emit(tx, *said, lane=origin.lane)
    return tally.total()


@dataclass(frozen=True, slots=True)
class _Batch:
    """Rows, how their pupils are sought, which were found (by position), and the register that they touch."""

    entries: list[StudentEntry]
    sought: list[Sought]
    known: dict[int, UUID]
    register: Register


async def _batches(tx: Transaction, claim: ImportClaim) -> AsyncIterator[list[Any]]:
    """All that is staged, in the file's order, some hundred rows at a time."""
    position = 0
    while (staged := await staged_entries(tx, claim, position)) is not None:
        for start in range(0, len(staged), ROWS_AT_ONCE):
            yield staged[start : start + ROWS_AT_ONCE]
        position += 1


async def _load(tx: Transaction, school: School, entries: list[StudentEntry]) -> _Batch:
    sought = [_as_sought(entry) for entry in entries]
    known = await find_known(tx, school.school_id, sought)
    keys = {key for entry in entries for parent in entry.parents if (key := parent.key(school.surroundings))}
    register = await load_register(tx, school, students=set(known.values()), keys=keys)
    return _Batch(entries, sought, known, register)


async def _place(batch: _Batch, tally: _Tally) -> None:
    fresh: dict[tuple[str | None, str | None], UUID] = {}
    for positions in in_turns(range(len(batch.entries))):
        for position in positions:
            # What finds a pupil again in the same batch; of the two, one is None.
            name = batch.sought[position].number, batch.sought[position].match_key
            student_id = batch.known.get(position) or fresh.get(name)
            placed = place(batch.register, batch.entries[position], student_id, new_id)
            fresh[name] = placed.student_id
            tally.add(placed)
        await asyncio.sleep(0)


def _as_sought(entry: StudentEntry) -> Sought:
    contacts = tuple(
        contact.casefold() for parent in entry.parents for contact in (parent.phone, parent.email) if contact
    )
    return Sought(entry.number, match_key(entry), entry.name_key, contacts)

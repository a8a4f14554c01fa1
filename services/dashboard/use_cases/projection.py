"""Update the projection from events: a batch of one type becomes a handful of statements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from services.dashboard.domain.parent_projection import ParentProjection, merge_all
from services.dashboard.domain.reachability import OptOut
from services.dashboard.domain.schools_students import School, Student
from services.dashboard.domain.timeline import TimelineEntry
from services.dashboard.storage.notify import notify_parents, notify_schools
from services.dashboard.storage.opt_outs import save_opt_outs
from services.dashboard.storage.parents import save_parents
from services.dashboard.storage.schools import save_schools
from services.dashboard.storage.students import save_students
from services.dashboard.storage.timeline import TimelineRow, insert_entries
from shared.runtime.database import Transaction


class ProjectionUpdate(NamedTuple):
    """Content of one event about one parent record: field groups, a timeline entry, and its place in its aggregate."""

    parent: ParentProjection
    entry: TimelineEntry
    aggregate_id: str
    version: int

    @property
    def timeline_row(self) -> TimelineRow:
        """Entry with its school, parent, aggregate and version."""
        parent = self.parent
        return TimelineRow(parent.school_id, parent.parent_id, self.aggregate_id, self.version, self.entry)


class OptOutUpdate(NamedTuple):
    """Opt-out or opt-in of an address, with its timeline entry."""

    opt_out: OptOut
    entry: TimelineEntry
    aggregate_id: str


async def upsert_parents(tx: Transaction, updates: Sequence[ProjectionUpdate]) -> None:
    """Merge the updates into the parents' rows, add their timeline entries, and notify open pages."""
    await save_parents(tx, merge_all(update.parent for update in updates))
    await insert_entries(tx, [update.timeline_row for update in updates])
    await notify_parents(tx, [(update.parent.school_id, update.parent.parent_id) for update in updates])


async def upsert_opt_outs(tx: Transaction, updates: Sequence[OptOutUpdate]) -> None:
    """Save the newest state of each address, add the timeline entries, and notify open pages.

    An event that is received twice has the same version and adds no second entry.
    """
    opt_outs = [update.opt_out for update in updates]
    await save_opt_outs(tx, opt_outs)
    rows = [
        TimelineRow(opt_out.school_id, opt_out.parent_id, update.aggregate_id, opt_out.version, update.entry)
        for opt_out, update in zip(opt_outs, updates, strict=True)
    ]
    await insert_entries(tx, rows)
    await notify_parents(tx, [(opt_out.school_id, opt_out.parent_id) for opt_out in opt_outs])


async def upsert_students(tx: Transaction, students: Sequence[Student]) -> None:
    """Save the newest version of each student and notify open pages.

    The row of a removed student stays without the name, so that a late older event does not bring it back.
    """
    await save_students(tx, students)
    await notify_schools(tx, [student.school_id for student in students])


async def upsert_schools(tx: Transaction, schools: Sequence[School]) -> None:
    """Save the newest version of each school and notify open pages."""
    await save_schools(tx, schools)
    await notify_schools(tx, [school.school_id for school in schools])

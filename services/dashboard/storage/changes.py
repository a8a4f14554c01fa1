"""Telling open pages, wherever they are served, what a transaction changed: heard when it commits, and only then."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import UUID

from sqlalchemy import text

from services.dashboard.domain.changes import MOST_PARENTS
from shared.runtime.database import Transaction

CHANNEL = "dashboard_changes"
_silent: ContextVar[bool] = ContextVar("silent", default=False)

TELL_PARENTS = text(
    """
    SELECT pg_notify(:channel, json_build_object('school_id', school_id, 'parents',
               json_agg(json_build_array(parent_id, CASE WHEN listed THEN status END, delivery)))::text)
      FROM unnest(CAST(:school_ids AS uuid[]), CAST(:parent_ids AS uuid[])) AS told (school_id, parent_id)
      JOIN parents USING (school_id, parent_id)
     GROUP BY school_id
    """
)
TELL_SCHOOLS = text(
    """
    SELECT pg_notify(:channel, json_build_object('school_id', school_id, 'parents', NULL)::text)
      FROM unnest(CAST(:school_ids AS uuid[])) AS told (school_id)
    """
)
TELL_STAFF = text("SELECT pg_notify(:channel, '{}')")


@contextmanager
def silently() -> Iterator[None]:
    """Nobody is told while the block is open: what is written is not what pages show (a projection being rebuilt)."""
    token = _silent.set(True)
    try:
        yield
    finally:
        _silent.reset(token)


async def tell_parents(tx: Transaction, parents: Collection[tuple[UUID, UUID]]) -> None:
    """These parents, each with the school, have changed: one notification per school."""
    if not parents or _silent.get():
        return
    of_school: defaultdict[UUID, set[UUID]] = defaultdict(set)
    for school_id, parent_id in parents:
        of_school[school_id].add(parent_id)
    many = {school_id for school_id, ids in of_school.items() if len(ids) > MOST_PARENTS}
    few = sorted(
        (school, parent) for school, ids in of_school.items() if school not in many for parent in ids
    )
    await tell_schools(tx, list(many))
    if few:
        schools, ids = zip(*few, strict=True)
        await tx.execute(
            TELL_PARENTS, {"channel": CHANNEL, "school_ids": list(schools), "parent_ids": list(ids)}
        )


async def tell_schools(tx: Transaction, school_ids: Sequence[UUID]) -> None:
    """Something else of these schools has changed, such as a student's name."""
    if school_ids and not _silent.get():
        await tx.execute(TELL_SCHOOLS, {"channel": CHANNEL, "school_ids": sorted(set(school_ids))})


async def tell_staff(tx: Transaction) -> None:
    """A session or a role has ended: whoever is watching must be looked at again."""
    await tx.execute(TELL_STAFF, {"channel": CHANNEL})

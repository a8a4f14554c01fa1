"""Notifications (NOTIFY) of what a transaction changed, for the open pages of all processes.

PostgreSQL delivers them when the transaction commits, and only then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import UUID

from sqlalchemy import text

from services.dashboard.domain.live_changes import MAX_PARENTS
from shared.runtime.database import Transaction

CHANNEL = "dashboard_changes"
_suppressed: ContextVar[bool] = ContextVar("suppressed", default=False)

_NOTIFY_PARENTS = text(
    """
    SELECT pg_notify(:channel, json_build_object('school_id', school_id, 'parents',
               json_agg(json_build_array(parent_id, CASE WHEN listed THEN status END, delivery)))::text)
      FROM unnest(CAST(:school_ids AS uuid[]), CAST(:parent_ids AS uuid[])) AS changed (school_id, parent_id)
      JOIN parents USING (school_id, parent_id)
     GROUP BY school_id
    """
)
_NOTIFY_SCHOOLS = text(
    """
    SELECT pg_notify(:channel, json_build_object('school_id', school_id, 'parents', NULL)::text)
      FROM unnest(CAST(:school_ids AS uuid[])) AS changed (school_id)
    """
)
_NOTIFY_STAFF = text("SELECT pg_notify(:channel, '{}')")


@contextmanager
def suppress_notifications() -> Iterator[None]:
    """Send no notification inside the block: a rebuild writes staging tables, which pages do not show."""
    token = _suppressed.set(True)
    try:
        yield
    finally:
        _suppressed.reset(token)


async def notify_parents(tx: Transaction, parents: Collection[tuple[UUID, UUID]]) -> None:
    """Notify of changed parents, given as (school_id, parent_id), with one notification per school.

    A school with more parents than fit into a notification is reported as changed as a whole.
    """
    if not parents or _suppressed.get():
        return
    by_school: defaultdict[UUID, set[UUID]] = defaultdict(set)
    for school_id, parent_id in parents:
        by_school[school_id].add(parent_id)
    too_many = {school_id for school_id, ids in by_school.items() if len(ids) > MAX_PARENTS}
    named = sorted(
        (school, parent) for school, ids in by_school.items() if school not in too_many for parent in ids
    )
    await notify_schools(tx, list(too_many))
    if named:
        school_ids, parent_ids = zip(*named, strict=True)
        await tx.execute(
            _NOTIFY_PARENTS,
            {"channel": CHANNEL, "school_ids": list(school_ids), "parent_ids": list(parent_ids)},
        )


async def notify_schools(tx: Transaction, school_ids: Sequence[UUID]) -> None:
    """Notify that any row of these schools may have changed, such as a student's name."""
    if school_ids and not _suppressed.get():
        await tx.execute(_NOTIFY_SCHOOLS, {"channel": CHANNEL, "school_ids": sorted(set(school_ids))})


async def notify_staff(tx: Transaction) -> None:
    """Notify that a session or a role ended, so that every open page checks its permission again."""
    await tx.execute(_NOTIFY_STAFF, {"channel": CHANNEL})

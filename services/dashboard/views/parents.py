"""The status view: parents of a school with status and delivery, the counts, and one parent's timeline."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Select, func, select, tuple_

from services.dashboard.domain.rows import ParentRow
from services.dashboard.domain.status import Delivery, Status
from services.dashboard.domain.timeline import Entry
from services.dashboard.storage.tables import parents, timeline
from services.dashboard.views.rows import PARENT_COLUMNS, with_children
from services.dashboard.views.search import containing
from shared.runtime.database import Transaction

TIMELINE_LIMIT = 500


@dataclass(frozen=True, slots=True)
class ParentFilter:
    """`text` is looked for in the name and the addresses; None means any."""

    status: Status | None = None
    delivery: Delivery | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """Counts of the listed parents; every status and delivery is there, with zero where there is none."""

    total: int
    status: dict[str, int]
    delivery: dict[str, int]


async def list_parents(
    tx: Transaction, school_id: UUID, wanted: ParentFilter, *, after: UUID | None, limit: int
) -> tuple[list[ParentRow], UUID | None]:
    """A page in the order of names, and the parent after which the next page begins (None: no more).

    Raises LookupError when `after` is no parent of the school.
    """
    query = _listed(school_id, wanted)
    if after is not None:
        name = await tx.scalar(
            select(parents.c.sort_name).where(parents.c.school_id == school_id, parents.c.parent_id == after)
        )
        if name is None:
            raise LookupError(str(after))
        query = query.where(tuple_(parents.c.sort_name, parents.c.parent_id) > tuple_(name, after))
    rows = await tx.rows(query.order_by(parents.c.sort_name, parents.c.parent_id).limit(limit + 1))
    page = await with_children(tx, school_id, rows[:limit])
    return page, page[-1].parent_id if len(rows) > limit else None


async def summarise(tx: Transaction, school_id: UUID) -> Summary:
    """The counts of one school."""
    return (await summarise_all(tx, [school_id]))[school_id]


async def summarise_all(tx: Transaction, school_ids: Sequence[UUID]) -> dict[UUID, Summary]:
    """The counts of each school: one grouped scan of an index for all of them."""
    query = (
        select(parents.c.school_id, parents.c.status, parents.c.delivery, func.count().label("parents"))
        .where(parents.c.school_id.in_(school_ids), parents.c.listed)
        .group_by(parents.c.school_id, parents.c.status, parents.c.delivery)
    )
    totals = dict.fromkeys(school_ids, 0)
    status = {school: dict.fromkeys((item.value for item in Status), 0) for school in school_ids}
    delivery = {school: dict.fromkeys((item.value for item in Delivery), 0) for school in school_ids}
    for row in await tx.rows(query):
        totals[row.school_id] += row.parents
        status[row.school_id][row.status] += row.parents
        if row.delivery:
            delivery[row.school_id][row.delivery] += row.parents
    return {school: Summary(totals[school], status[school], delivery[school]) for school in school_ids}


async def find_parent(tx: Transaction, school_id: UUID, parent_id: UUID) -> ParentRow | None:
    """One parent with children, or None where the school lists no such parent."""
    query = _listed(school_id, ParentFilter()).where(parents.c.parent_id == parent_id)
    found = await with_children(tx, school_id, await tx.rows(query))
    return found[0] if found else None


async def timeline_of(tx: Transaction, school_id: UUID, parent_id: UUID) -> Sequence[Entry]:
    """The newest entries first, at most TIMELINE_LIMIT."""
    columns = timeline.c
    query = (
        select(columns.kind, columns.at, columns.channel, columns.template, columns.reason, columns.actor)
        .where(columns.school_id == school_id, columns.parent_id == parent_id)
        .order_by(columns.at.desc(), columns.aggregate_id, columns.version.desc())
        .limit(TIMELINE_LIMIT)
    )
    return [Entry(*tuple(row)) for row in await tx.rows(query)]


def _listed(school_id: UUID, wanted: ParentFilter) -> Select[tuple[object, ...]]:
    query = select(*PARENT_COLUMNS).where(parents.c.school_id == school_id, parents.c.listed)
    if wanted.status is not None:
        query = query.where(parents.c.status == wanted.status.value)
    if wanted.delivery is not None:
        query = query.where(parents.c.delivery == wanted.delivery.value)
    if wanted.text:
        query = query.where(containing(parents.c.search, wanted.text))
    return query

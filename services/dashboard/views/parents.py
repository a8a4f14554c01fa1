"""The status view: parents of a school with status and delivery, the counts, and one parent's timeline."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Select,
    SmallInteger,
    bindparam,
    column,
    func,
    select,
    true,
    tuple_,
)

from services.dashboard.domain.rows import ParentRow
from services.dashboard.domain.standing import STANDINGS, standings
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
    matching = [parents.c.school_id == school_id, parents.c.listed]
    if wanted.text:
        matching.append(containing(parents.c.search, wanted.text))
    if after is not None:
        name = await tx.scalar(
            select(parents.c.sort_name).where(parents.c.school_id == school_id, parents.c.parent_id == after)
        )
        if name is None:
            raise LookupError(str(after))
        matching.append(tuple_(parents.c.sort_name, parents.c.parent_id) > tuple_(name, after))
    rows = await tx.rows(_first(matching, standings(wanted.status, wanted.delivery), limit + 1))
    page = await with_children(tx, school_id, rows[:limit])
    return page, page[-1].parent_id if len(rows) > limit else None


async def summarise(tx: Transaction, school_id: UUID) -> Summary:
    """The counts of one school."""
    return (await summarise_all(tx, [school_id]))[school_id]


async def summarise_all(tx: Transaction, school_ids: Sequence[UUID]) -> dict[UUID, Summary]:
    """The counts of each school: one grouped scan of an index for all of them."""
    query = (
        select(parents.c.school_id, parents.c.standing, func.count().label("parents"))
        .where(parents.c.school_id.in_(school_ids), parents.c.listed)
        .group_by(parents.c.school_id, parents.c.standing)
    )
    totals = dict.fromkeys(school_ids, 0)
    status = {school: dict.fromkeys((item.value for item in Status), 0) for school in school_ids}
    delivery = {school: dict.fromkeys((item.value for item in Delivery), 0) for school in school_ids}
    for row in await tx.rows(query):
        its_status, its_delivery = STANDINGS[row.standing]
        totals[row.school_id] += row.parents
        status[row.school_id][its_status.value] += row.parents
        if its_delivery:
            delivery[row.school_id][its_delivery.value] += row.parents
    return {school: Summary(totals[school], status[school], delivery[school]) for school in school_ids}


async def find_parent(tx: Transaction, school_id: UUID, parent_id: UUID) -> ParentRow | None:
    """One parent with children, or None where the school lists no such parent."""
    query = select(*PARENT_COLUMNS).where(
        parents.c.school_id == school_id, parents.c.parent_id == parent_id, parents.c.listed
    )
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


def _first(
    matching: Sequence[ColumnElement[bool]], numbers: Sequence[int], count: int
) -> Select[tuple[object, ...]]:
    """The first rows by name of those that match: the first ones of each standing, which an index has in that order."""
    standing = func.unnest(bindparam("standings", numbers, ARRAY(SmallInteger)))
    wanted = standing.table_valued(column("number", SmallInteger)).render_derived("wanted")
    order = (parents.c.sort_name, parents.c.parent_id)
    some = (
        select(*PARENT_COLUMNS, parents.c.sort_name)
        .where(*matching, parents.c.standing == wanted.c.number)
        .order_by(*order)
        .limit(count)
        .lateral("some")
    )
    columns = [some.c[each.name] for each in PARENT_COLUMNS]
    return (
        select(*columns)
        .select_from(wanted.join(some, true()))
        .order_by(some.c.sort_name, some.c.parent_id)
        .limit(count)
    )

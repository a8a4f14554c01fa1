"""Status view: parents of a school with status and delivery, their counts, and the timeline of one parent."""

from __future__ import annotations

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

from services.dashboard.domain.status_rows import ParentRow
from services.dashboard.domain.status_sort_key import STATUS_AND_DELIVERY, list_sort_keys
from services.dashboard.domain.timeline import TimelineEntry
from services.dashboard.storage.tables import parents, timeline
from services.dashboard.views.rows import PARENT_COLUMNS, contains_text, with_children
from shared.contracts.values import Delivery, InvitationStatus
from shared.runtime.database import Transaction

TIMELINE_LIMIT = 500


@dataclass(frozen=True, slots=True)
class ParentFilter:
    """Conditions on parents; `text` is searched in the name and the addresses. None stands for any."""

    status: InvitationStatus | None = None
    delivery: Delivery | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """Counts of the listed parents, with a zero for every status and delivery that none has."""

    total: int
    status: dict[str, int]
    delivery: dict[str, int]


async def list_parents(
    tx: Transaction, school_id: UUID, parent_filter: ParentFilter, *, after: UUID | None, limit: int
) -> tuple[list[ParentRow], UUID | None]:
    """Return a page by name, and the parent after which the next page begins (None: this is the last page).

    Raises LookupError if `after` is not a parent of the school.
    """
    conditions = [parents.c.school_id == school_id, parents.c.listed]
    if parent_filter.text:
        conditions.append(contains_text(parents.c.search, parent_filter.text))
    if after is not None:
        name = await tx.scalar(
            select(parents.c.sort_name).where(parents.c.school_id == school_id, parents.c.parent_id == after)
        )
        if name is None:
            raise LookupError(str(after))
        conditions.append(tuple_(parents.c.sort_name, parents.c.parent_id) > tuple_(name, after))
    sort_keys = list_sort_keys(parent_filter.status, parent_filter.delivery)
    rows = await tx.rows(_first_by_name(conditions, sort_keys, limit + 1))
    page = await with_children(tx, school_id, rows[:limit])
    return page, page[-1].parent_id if len(rows) > limit else None


async def summarise(tx: Transaction, school_id: UUID) -> Summary:
    """Return the counts of one school."""
    return (await summarise_all(tx, [school_id]))[school_id]


async def summarise_all(tx: Transaction, school_ids: Sequence[UUID]) -> dict[UUID, Summary]:
    """Return the counts of each school, with one grouped index scan for all of them."""
    query = (
        select(parents.c.school_id, parents.c.standing, func.count().label("parents"))
        .where(parents.c.school_id.in_(school_ids), parents.c.listed)
        .group_by(parents.c.school_id, parents.c.standing)
    )
    totals = dict.fromkeys(school_ids, 0)
    by_status = {school: dict.fromkeys((item.value for item in InvitationStatus), 0) for school in school_ids}
    by_delivery = {school: dict.fromkeys((item.value for item in Delivery), 0) for school in school_ids}
    for row in await tx.rows(query):
        status, delivery = STATUS_AND_DELIVERY[row.standing]
        totals[row.school_id] += row.parents
        by_status[row.school_id][status.value] += row.parents
        if delivery:
            by_delivery[row.school_id][delivery.value] += row.parents
    return {school: Summary(totals[school], by_status[school], by_delivery[school]) for school in school_ids}


async def find_parent(tx: Transaction, school_id: UUID, parent_id: UUID) -> ParentRow | None:
    """Return one parent with children, or None if the school lists no such parent."""
    query = select(*PARENT_COLUMNS).where(
        parents.c.school_id == school_id, parents.c.parent_id == parent_id, parents.c.listed
    )
    rows = await with_children(tx, school_id, await tx.rows(query))
    return rows[0] if rows else None


async def list_timeline(tx: Transaction, school_id: UUID, parent_id: UUID) -> Sequence[TimelineEntry]:
    """Return the entries of a parent, newest first, at most TIMELINE_LIMIT."""
    columns = timeline.c
    query = (
        select(columns.kind, columns.at, columns.channel, columns.template, columns.reason, columns.actor)
        .where(columns.school_id == school_id, columns.parent_id == parent_id)
        .order_by(columns.at.desc(), columns.aggregate_id, columns.version.desc())
        .limit(TIMELINE_LIMIT)
    )
    return [TimelineEntry(*tuple(row)) for row in await tx.rows(query)]


def _first_by_name(
    conditions: Sequence[ColumnElement[bool]], sort_keys: Sequence[int], count: int
) -> Select[tuple[object, ...]]:
    """Return the query for the first `count` matching rows by name.

    It reads the first rows of each sort key, which an index holds in this order, and merges them.
    """
    parameter = func.unnest(bindparam("standings", sort_keys, ARRAY(SmallInteger)))
    wanted = parameter.table_valued(column("sort_key", SmallInteger)).render_derived("wanted")
    order = (parents.c.sort_name, parents.c.parent_id)
    per_key = (
        select(*PARENT_COLUMNS, parents.c.sort_name)
        .where(*conditions, parents.c.standing == wanted.c.sort_key)
        .order_by(*order)
        .limit(count)
        .lateral("per_key")
    )
    columns = [per_key.c[parent_column.name] for parent_column in PARENT_COLUMNS]
    return (
        select(*columns)
        .select_from(wanted.join(per_key, true()))
        .order_by(per_key.c.sort_name, per_key.c.parent_id)
        .limit(count)
    )

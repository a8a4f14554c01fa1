"""Table `timeline`: one row per event about a parent record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from services.dashboard.domain.timeline import TimelineEntry
from shared.runtime.database import BatchStatement, Transaction


class TimelineRow(NamedTuple):
    """Entry with its place: the parent record, and the aggregate and version of the event."""

    school_id: UUID
    parent_id: UUID
    aggregate_id: str
    version: int
    entry: TimelineEntry


_INSERT = BatchStatement(
    "INSERT INTO timeline ({names}) SELECT * FROM {rows} ON CONFLICT DO NOTHING",
    {
        "school_id": "uuid",
        "parent_id": "uuid",
        "aggregate_id": "uuid",
        "version": "bigint",
        "kind": "text",
        "at": "timestamptz",
        "channel": "text",
        "template": "text",
        "reason": "text",
        "actor": "text",
    },
)


async def insert_entries(tx: Transaction, rows: Sequence[TimelineRow]) -> None:
    """Insert the entries; those of events that were received before exist already and are ignored."""
    if not rows:
        return
    schools, parents, aggregates, versions, entries = zip(*rows, strict=True)
    columns: dict[str, Sequence[Any]] = {
        name: [getattr(entry, name) for entry in entries] for name in TimelineEntry._fields
    }
    columns |= {"school_id": schools, "parent_id": parents, "aggregate_id": aggregates, "version": versions}
    await tx.execute(*_INSERT.bind_columns(columns))

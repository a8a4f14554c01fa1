"""One rebuild: reads every event of the source services into staging tables, then swaps them with the live tables."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol
from uuid import UUID

from sqlalchemy.exc import DBAPIError

from services.dashboard.domain.timeline import TimelineEntry, kind_of_event
from services.dashboard.rebuild.staging_tables import RebuildSession, open_rebuild_session
from services.dashboard.rebuild.swap import (
    OPT_OUTS,
    PARENTS,
    SCHOOLS,
    STUDENTS,
    count_rows,
    list_ranges,
    swap_links_and_timeline,
    swap_range,
    would_empty_schools,
)
from services.dashboard.storage.notify import notify_schools, suppress_notifications
from services.dashboard.storage.timeline import TimelineRow, insert_entries
from shared.contracts.envelope import Attributes, Received, UndecodableError, decode
from shared.contracts.message import Message, message_for
from shared.runtime.core import Rejected, is_invalid_value
from shared.runtime.database import Database
from shared.runtime.messaging import ArchivedEvent, Handler, group_preserving_order

Handlers = Mapping[type[Message], Handler]
ReportProgress = Callable[[str, int, int], None]
"""Called with the current step, how much of it is done, and how much there is."""


class EventSource(Protocol):
    """All events of one source service; see `EventArchive` of the runtime."""

    @property
    def service(self) -> str: ...
    async def count(self) -> int: ...
    def pages(self) -> AsyncIterator[Sequence[ArchivedEvent]]: ...


class NoEvents(Exception):
    """The archives contain no school although pages show some; nothing was changed."""


@dataclass(slots=True)
class RebuildResult:
    """Counts of a rebuild: events read, events that no handler accepts, and changed rows per table."""

    events: int = 0
    rejected: int = 0
    schools: int = 0
    students: int = 0
    parents: int = 0
    opt_outs: int = 0

    def counts(self) -> dict[str, int]:
        """Return the counts by name."""
        return asdict(self)


async def rebuild(
    database: Database,
    sources: Sequence[EventSource],
    handlers: Handlers,
    report_progress: ReportProgress = lambda *_: None,
    *,
    lock_timeout_seconds: float | None = None,
) -> RebuildResult:
    """Rebuild every row and timeline from the events. May be killed at any time and run again.

    `handlers` are those of the consumers. Raises RebuildInProgress, and NoEvents if the archives contain no school
    but pages show some.
    """
    result = RebuildResult()
    options = {} if lock_timeout_seconds is None else {"lock_timeout_seconds": lock_timeout_seconds}
    async with open_rebuild_session(database, **options) as session:
        for source in sources:
            total, read_count = await source.count(), 0
            report_progress(f"reading {source.service}", read_count, total)
            async for page in source.pages():
                await _stage_page(session, page, handlers, result)
                read_count += len(page)
                report_progress(f"reading {source.service}", read_count, max(read_count, total))
        async with session.transaction(live=True) as tx:
            if await would_empty_schools(tx):
                raise NoEvents
        await _swap(session, result, report_progress)
    return result


async def _stage_page(
    session: RebuildSession, page: Sequence[ArchivedEvent], handlers: Handlers, result: RebuildResult
) -> None:
    """Write a page of archived events to the staging tables; events that cannot be applied are counted."""
    events: list[Received[Message]] = []
    rows: list[TimelineRow] = []
    for archived in page:
        if archived.value is None:
            row = _row_from_attributes(archived.attributes)
            rows += [row] if row else []
            continue
        try:
            event = decode(archived.value, archived.headers)
        except UndecodableError:
            result.rejected += 1
            continue
        if type(event.data) in handlers:
            events.append(event)
    result.events += len(page)
    with suppress_notifications():
        await _stage_events(session, events, handlers, result)
        async with session.transaction() as tx:
            await insert_entries(tx, rows)


async def _stage_events(
    session: RebuildSession, events: Sequence[Received[Message]], handlers: Handlers, result: RebuildResult
) -> None:
    """Apply events in one transaction; a batch with a rejected event is halved until the event is alone."""
    try:
        async with session.transaction() as tx:
            for kind, batch in group_preserving_order(events):
                await handlers[kind](tx, batch)
    except (Rejected, DBAPIError) as error:
        if isinstance(error, DBAPIError) and not is_invalid_value(error):
            raise
        if len(events) == 1:
            result.rejected += 1
            return
        middle = len(events) // 2
        await _stage_events(session, events[:middle], handlers, result)
        await _stage_events(session, events[middle:], handlers, result)


def _row_from_attributes(attributes: Attributes) -> TimelineRow | None:
    """Return the timeline row of an event of which only the attributes are archived, or None if it is not a parent's.

    The archive blanks the personal data of events that a newer one of the same aggregate has superseded.
    """
    message = message_for(attributes.type)
    if message is None or message.contract.key != "parent_id":
        return None
    entry = TimelineEntry(kind_of_event(message.__name__), attributes.time, actor=attributes.actor)
    parent_id = UUID(attributes.subject)
    return TimelineRow(attributes.school_id, parent_id, attributes.subject, attributes.version, entry)


async def _swap(session: RebuildSession, result: RebuildResult, report_progress: ReportProgress) -> None:
    """Swap all tables, one transaction per range of rows, and notify the pages of changed schools."""
    await session.analyse()
    first_id = session.first_transaction_id
    for table in (SCHOOLS, STUDENTS, PARENTS, OPT_OUTS):
        changed_count = 0
        async with session.transaction() as tx:
            total = await count_rows(tx, table)
            ranges = [key_range async for key_range in list_ranges(tx, table)]
        for number, key_range in enumerate(ranges, 1):
            async with session.transaction(live=True) as tx:
                changed = await swap_range(tx, table, key_range, first_id)
                if table is PARENTS:
                    changed |= await swap_links_and_timeline(tx, key_range, first_id)
                await notify_schools(tx, sorted({school_id for school_id, *_ in changed}))
            changed_count += len(changed)
            report_progress(f"putting {table.table} in place", total * number // len(ranges), total)
        setattr(result, table.table, changed_count)

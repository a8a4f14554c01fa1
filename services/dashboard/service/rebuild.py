"""Making the projection anew from what its owners have told, while pages are shown and facts go on coming in."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

from sqlalchemy.exc import DBAPIError

from services.dashboard.service.translate import Told as Line
from services.dashboard.service.translate import told_by_envelope
from services.dashboard.storage import changes, projection
from services.dashboard.storage.rebuilt import Making, making
from services.dashboard.storage.replaced import (
    OPT_OUTS,
    PARENTS,
    SCHOOLS,
    STUDENTS,
    Key,
    count,
    no_school_was_made,
    put,
    ranges,
)
from services.dashboard.storage.replaced_parts import put_parts
from shared.contracts.envelope import Received, UndecodableError, decode
from shared.contracts.message import Message
from shared.runtime.core import Rejected, is_invalid_value
from shared.runtime.database import Database, Transaction
from shared.runtime.messaging import ArchivedEvent, Handler, group_preserving_order

Handlers = Mapping[type[Message], Handler]
Moved = Callable[[str, int, int], None]
"""How far it is: what is being done, how many are done, and of how many."""


class Owner(Protocol):
    """One owner's history; see `shared.runtime.messaging.event_archive.History`."""

    @property
    def owner(self) -> str: ...
    async def count(self) -> int: ...
    def pages(self) -> AsyncIterator[Sequence[ArchivedEvent]]: ...


class NothingTold(Exception):
    """An owner knows nothing at all of what pages show; nothing was changed."""


@dataclass(slots=True)
class Rebuilt:
    """What a rebuild did. `facts` were read, `refused` of them no handler could take; the rest counts changed rows."""

    facts: int = 0
    refused: int = 0
    schools: int = 0
    students: int = 0
    parents: int = 0
    opt_outs: int = 0

    def counts(self) -> dict[str, int]:
        return asdict(self)


async def rebuild(
    database: Database, owners: Sequence[Owner], handlers: Handlers, moved: Moved = lambda *_: None
) -> Rebuilt:
    """Make every row and timeline from the owners' facts. May be killed at any time and called again.

    Raises RebuildRunning, and NothingTold when the owners have no school but pages show some.
    """
    done = Rebuilt()
    async with making(database) as made:
        for owner in owners:
            total, read = await owner.count(), 0
            moved(f"reading {owner.owner}", read, total)
            async for page in owner.pages():
                await _fold(made, page, handlers, done)
                read += len(page)
                moved(f"reading {owner.owner}", read, max(read, total))
        await _refuse_if_empty(made)
        await _put(made, done, moved)
    return done


async def _refuse_if_empty(made: Making) -> None:
    async with made.transaction(shown=True) as tx:
        if await no_school_was_made(tx):
            raise NothingTold


async def _fold(made: Making, page: Sequence[ArchivedEvent], handlers: Handlers, done: Rebuilt) -> None:
    """Write a page of facts to the tables being made; facts that cannot be taken are counted and left out."""
    facts: list[Received[Message]] = []
    lines: list[Line] = []
    for told in page:
        if told.value is None:
            line = told_by_envelope(told.attributes)
            lines += [line] if line else []
            continue
        try:
            fact = decode(told.value, told.headers)
        except UndecodableError:
            done.refused += 1
            continue
        if type(fact.data) in handlers:
            facts.append(fact)
    done.facts += len(page)
    with changes.silently():
        await _take(made, facts, handlers, done)
        async with made.transaction() as tx:
            await projection.add_timeline(tx, [line.placed for line in lines])


async def _take(made: Making, facts: Sequence[Received[Message]], handlers: Handlers, done: Rebuilt) -> None:
    """In one transaction; a batch with a fact that is refused is halved until that stands alone."""
    try:
        async with made.transaction() as tx:
            for kind, run in group_preserving_order(facts):
                await handlers[kind](tx, run)
    except (Rejected, DBAPIError) as error:
        if isinstance(error, DBAPIError) and not is_invalid_value(error):
            raise
        if len(facts) == 1:
            done.refused += 1
            return
        middle = len(facts) // 2
        await _take(made, facts[:middle], handlers, done)
        await _take(made, facts[middle:], handlers, done)


async def _put(made: Making, done: Rebuilt, moved: Moved) -> None:
    await made.analyse()
    for rows in (SCHOOLS, STUDENTS, PARENTS, OPT_OUTS):
        put_so_far = 0
        async with made.transaction() as tx:
            total = await count(tx, rows)
            cut = [within async for within in ranges(tx, rows)]
        for number, within in enumerate(cut, 1):
            async with made.transaction(shown=True) as tx:
                changed = await put(tx, rows, within, made.begun)
                if rows is PARENTS:
                    changed |= await put_parts(tx, within, made.begun)
                await _tell(tx, changed)
            put_so_far += len(changed)
            moved(f"putting {rows.table} in place", total * number // len(cut), total)
        setattr(done, rows.table, put_so_far)


async def _tell(tx: Transaction, changed: set[Key]) -> None:
    await changes.tell_schools(tx, sorted({school_id for school_id, *_ in changed}))

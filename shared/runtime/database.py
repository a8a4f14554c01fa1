"""The one way to PostgreSQL: `transaction()`. Only it commits.

Every connection of a service takes one of its two roles (see `shared.runtime.tenancy`): `<service>_api` sees the rows
of the schools that its transaction names, `<service>_worker` sees all and is never used by a route.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Executable
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.runtime.engine import Kind, create_engine, pool_of, role_of
from shared.runtime.errors import is_transient, refusal_of
from shared.runtime.rows import Rows
from shared.runtime.scope import (
    EVERY_SCHOOL,
    EverySchool,
    Opening,
    SchoolsOf,
    Scope,
    beginning,
    calls_of,
)
from shared.runtime.session import DRIVER_ERRORS, Session, as_sqlalchemy, written

__all__ = ["EVERY_SCHOOL", "EverySchool", "Kind", "Opening", "SchoolsOf", "Scope", "create_engine", "role_of"]
Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None
_FRESH_CONNECTIONS = 3


class Transaction:
    """An open transaction. `now` is the database's clock at its begin (UTC); raise to roll everything back."""

    def __init__(
        self,
        connection: AsyncConnection,
        now: datetime,
        schema: str,
        hint: Callable[[str], str] = str,
        session: Session | None = None,
    ) -> None:
        self._connection = connection
        self._session = session or Session(connection)
        self.now = now
        self.schema = schema
        self.hint = hint
        """What to notify the service's channel of when something is emitted to a lane; empty where nobody needs it."""
        self.emitted: dict[str, int] = {}
        self.answered: Rows | None = None

    @property
    def opened(self) -> Rows:
        """What the statement of the `Opening` answered; ValueError in a transaction that began without one."""
        if self.answered is None:
            raise ValueError("the transaction did not begin with an opening")
        return self.answered

    async def execute(self, statement: Executable | str, parameters: Parameters = None) -> Any:
        """Run a statement, once for each of several parameters.

        Answers `Rows`, for a statement that is built and not written SQLAlchemy's result. Raises DBAPIError.
        """
        plain = written(statement)
        if plain is None:
            if self._session.watch is not None:
                self._session.watch(str(statement))
            return await self._connection.execute(statement, parameters)  # type: ignore[arg-type]
        if parameters is None or isinstance(parameters, Mapping):
            return await self._session.run(plain, parameters)
        return await self._session.run_many(plain, parameters)

    async def rows(self, statement: Executable | str, parameters: Parameters = None) -> Sequence[Any]:
        """All rows."""
        rows: Sequence[Any] = (await self.execute(statement, parameters)).all()
        return rows

    async def row(self, statement: Executable | str, parameters: Parameters = None) -> Any:
        """The first row, or None."""
        return (await self.execute(statement, parameters)).first()

    async def scalar(self, statement: Executable | str, parameters: Parameters = None) -> Any:
        """The first column of the first row, or None."""
        return (await self.execute(statement, parameters)).scalar()


class Database:
    """A service's own schema. An async context manager; closing gives all connections back."""

    def __init__(self, url: str, *, schema: str, pool_size: int = 8) -> None:
        self.url = url
        self.schema = schema
        self.channel = channel_of(schema)
        self._engines: dict[Kind, AsyncEngine] = {
            "api": pool_of(url, schema, pool_size, "api"),
            "worker": pool_of(url, schema, pool_size, "worker"),
        }
        self.watch: Callable[[str], None] | None = None
        """Hears of every round trip: each statement, and the begin and end of transactions."""
        self._wakers: list[Callable[[str, int], None]] = []
        self.led: dict[str, float] = {}
        """Until when, by `time.monotonic()`, a relay of this process has the lease of a lane."""
        self._speaker = secrets.token_hex(4)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for engine in self._engines.values():
            await engine.dispose()

    def on_emit(self, wake: Callable[[str, int], None]) -> None:
        """Call `wake` with the lane and how many messages each commit of this process left in it to be published."""
        self._wakers.append(wake)

    def hint(self, lane: str) -> str:
        """The notification that something was emitted to a lane; empty where `on_emit` reaches its relay."""
        heard_here = self._wakers and self.led.get(lane, 0.0) > time.monotonic()
        return "" if heard_here else f"{lane} {self._speaker}"

    def heard(self, said: str) -> str | None:
        """The lane of a notification on `channel`; None for our own words, which `on_emit` was faster with."""
        lane, _, speaker = said.partition(" ")
        return None if speaker == self._speaker else lane

    @asynccontextmanager
    async def transaction(
        self, *, schools: Scope | None = None, opening: Opening | None = None
    ) -> AsyncIterator[Transaction]:
        """Begin; commit when the block ends, roll back when it raises.

        Routes name the `schools` whose rows exist for them (an empty list: none; tables without school data are there
        anyway). Without `schools` it is a worker's, which sees all: consumers and timers. An `opening` takes its locks
        with the begin; it does not go with `SchoolsOf`.
        """
        engine = self._engines["worker" if schools is None else "api"]
        connection, session = await self._begun(engine, calls_of(schools, opening))
        try:
            first = await session.run(*(opening.first if opening else beginning(schools)))
            transaction = Transaction(connection, first.scalar(), self.schema, self.hint, session)
            transaction.answered = first if opening else None
            yield transaction
            await session.commit()
        except BaseException:
            await session.roll_back()
            raise
        finally:
            await connection.close()
        for lane, messages in transaction.emitted.items():
            for wake in self._wakers:
                wake(lane, messages)

    async def _begun(
        self, engine: AsyncEngine, calls: Sequence[tuple[str, str]]
    ) -> tuple[AsyncConnection, Session]:
        """A connection with an open transaction. One that died in the pool unnoticed is replaced: nothing was done."""
        for attempt in range(_FRESH_CONNECTIONS + 1):
            connection = await _connected(engine)
            session = Session(connection, self.watch)
            try:
                await session.begin(calls)
            except BaseException as error:
                session.driver.terminate()
                await connection.close()
                if not isinstance(error, (*DRIVER_ERRORS, OSError)):
                    raise
                failure = as_sqlalchemy(error, "BEGIN", lost=True)
                if attempt == _FRESH_CONNECTIONS or not is_transient(failure):
                    raise failure from error
            else:
                return connection, session
        raise AssertionError


async def _connected(engine: AsyncEngine) -> AsyncConnection:
    """A connection; raises DatabaseRefused where an operator has to do something first."""
    try:
        return await engine.connect()
    except DBAPIError as error:
        refusal = refusal_of(error)
        if refusal is None:
            raise
        raise refusal from error


def channel_of(schema: str) -> str:
    """The channel on which a service's relays are notified of what was emitted elsewhere."""
    return f"outbox_{schema}"

"""Statements as the driver runs them: a text is compiled once per process and prepared once per connection.

SQLAlchemy opens, keeps and hands out the connections, and runs the statements that are built and not written. Written
ones (`text()`, nearly all) go straight to asyncpg: a statement costs 50 us of CPU instead of 400.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, NoReturn
from weakref import WeakKeyDictionary

import asyncpg
from asyncpg.prepared_stmt import PreparedStatement
from sqlalchemy import TextClause
from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import NullType

from shared.runtime.rows import Rows

# Texts that are made anew for every call must not fill the memory.
MOST_TEXTS = 2_000
MOST_PREPARED = 400
# The last one is what the driver says when a connection breaks in the middle of an answer.
DRIVER_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
_dialect: Any = asyncpg_dialect()  # type: ignore[no-untyped-call]
_kept: WeakKeyDictionary[TextClause, Written | None] = WeakKeyDictionary()


class Written(NamedTuple):
    """A statement with `$1, $2, …`, and the names of its parameters in this order."""

    sql: str
    names: tuple[str, ...]


def written(statement: object) -> Written | None:
    """What the driver alone can run: a text without types or values of its own. None for anything else."""
    if isinstance(statement, str):
        return _of_text(statement)
    if not isinstance(statement, TextClause):
        return None
    if statement not in _kept:
        binds = statement._bindparams.values()  # noqa: SLF001 - there is no public way to them
        plain = all(type(bind.type) is NullType and bind.required and not bind.expanding for bind in binds)
        _kept[statement] = _compiled(statement) if plain else None
    return _kept[statement]


@lru_cache(maxsize=MOST_TEXTS)
def _of_text(text: str) -> Written:
    return _compiled(TextClause(text))


def _compiled(statement: TextClause) -> Written:
    made = statement.compile(dialect=_dialect)
    return Written(str(made), tuple(dict.fromkeys(made.positiontup or ())))


class Session:
    """A connection's driver, with what was prepared on it. `watch` hears every statement that is sent."""

    def __init__(self, connection: AsyncConnection, watch: Callable[[str], None] | None = None) -> None:
        assert connection.sync_connection is not None
        fairy: Any = connection.sync_connection.connection
        self.driver: asyncpg.Connection = fairy.driver_connection
        self._prepared: dict[str, PreparedStatement] = fairy.info.setdefault("prepared", {})
        self.watch = watch

    async def command(self, sql: str) -> None:
        """Run a command without parameters. Raises asyncpg's own errors."""
        if self.watch is not None:
            self.watch(sql)
        await self.driver.execute(sql)

    async def begin(self, calls: Sequence[tuple[str, str]] = ()) -> None:
        """Begin a transaction, with statements of one parameter in the same round trip. Raises asyncpg's own errors.

        They are called by their names: as texts PostgreSQL would plan them every time, which costs what is saved. The
        parameters stand in the command as they are.
        """
        named = [(self._prepared.get(sql) or await self._prepare(sql), value) for sql, value in calls]
        run = (f"EXECUTE {prepared.get_name()}('{value}')" for prepared, value in named)
        await self.command("; ".join(("BEGIN", *run)))

    async def commit(self) -> None:
        """End the transaction. Raises DBAPIError; whether it was committed is then unknown, as ever."""
        try:
            await self.command("COMMIT")
        except DRIVER_ERRORS as error:
            self._fail("COMMIT", error)

    async def roll_back(self) -> None:
        """End the transaction and leave nothing of it, if need be by ending the connection."""
        if self.driver.is_closed():
            return
        try:
            await self.command("ROLLBACK")
        except (*DRIVER_ERRORS, OSError):
            self.driver.terminate()
        except BaseException:
            self.driver.terminate()
            raise

    async def run(self, statement: Written, parameters: Mapping[str, Any] | None) -> Rows:
        """Run a statement. Raises DBAPIError."""
        sql, names = statement
        arguments = [parameters[name] for name in names] if parameters else ()
        if self.watch is not None:
            self.watch(sql)
        try:
            prepared = self._prepared.get(sql) or await self._prepare(sql)
            return Rows(await prepared.fetch(*arguments), prepared)
        except DRIVER_ERRORS as error:
            self._fail(sql, error)

    async def run_many(self, statement: Written, parameters: Sequence[Mapping[str, Any]]) -> None:
        """Run a statement once for each of the parameters, together. Raises DBAPIError."""
        sql, names = statement
        if self.watch is not None:
            self.watch(sql)
        try:
            prepared = self._prepared.get(sql) or await self._prepare(sql)
            await prepared.executemany([[one[name] for name in names] for one in parameters])
        except DRIVER_ERRORS as error:
            self._fail(sql, error)

    async def _prepare(self, sql: str) -> PreparedStatement:
        if len(self._prepared) >= MOST_PREPARED:
            self._prepared.clear()
        prepared = await self.driver.prepare(sql)
        self._prepared[sql] = prepared
        return prepared

    def _fail(self, sql: str, error: Exception) -> NoReturn:
        if isinstance(error, (asyncpg.InvalidCachedStatementError, asyncpg.OutdatedSchemaCacheError)):
            self._prepared.clear()
        if isinstance(error, asyncpg.InternalClientError):
            self.driver.terminate()
        raise as_sqlalchemy(error, sql, lost=self.driver.is_closed()) from error


def as_sqlalchemy(error: Exception, sql: str, *, lost: bool) -> DBAPIError:
    """The driver's error as the class by which everybody here knows it; it never shows parameters."""
    kind = DBAPIError
    if isinstance(error, asyncpg.IntegrityConstraintViolationError):
        kind = IntegrityError
    elif isinstance(error, asyncpg.SyntaxOrAccessError):
        kind = ProgrammingError
    elif isinstance(error, asyncpg.InterfaceError):
        kind = InterfaceError
    return kind(sql, None, error, hide_parameters=True, connection_invalidated=lost)

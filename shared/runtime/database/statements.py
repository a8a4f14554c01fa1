"""Running written SQL on the driver: each text is compiled once per process and prepared once per connection.

SQLAlchemy owns the connections, the pool and the error classes, and runs the statements that are built with its Core.
Statements written as text, nearly all of them, run on its asyncpg connection, which `driver_connection` of a pooled
connection gives out: 50 us of CPU a statement instead of 400.
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

from shared.runtime.database.results import Result

# Texts that are formatted anew for every call must not fill the memory.
MAX_COMPILED = 2_000
MAX_PREPARED = 400
# asyncpg raises InternalClientError when a connection breaks in the middle of an answer.
DRIVER_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
_dialect: Any = asyncpg_dialect()  # type: ignore[no-untyped-call]
_compiled: WeakKeyDictionary[TextClause, CompiledStatement | None] = WeakKeyDictionary()


class CompiledStatement(NamedTuple):
    """SQL with `$1, $2, …`, and the names of its parameters in that order."""

    sql: str
    names: tuple[str, ...]


def compile_statement(statement: object) -> CompiledStatement | None:
    """Compile SQL text with `:name` parameters for the driver.

    Returns None for what SQLAlchemy has to run: a statement built with Core, or a text whose parameters have types or
    values of their own.
    """
    if isinstance(statement, str):
        return compile_text(statement)
    if not isinstance(statement, TextClause):
        return None
    if statement not in _compiled:
        _compiled[statement] = _compile_clause(statement)
    return _compiled[statement]


@lru_cache(maxsize=MAX_COMPILED)
def compile_text(text: str) -> CompiledStatement:
    """Compile SQL text with `:name` parameters for the driver."""
    compiled = _compile_clause(TextClause(text))
    assert compiled is not None
    return compiled


def _compile_clause(statement: TextClause) -> CompiledStatement | None:
    compiled: Any = statement.compile(dialect=_dialect)
    parameters = compiled.binds.values()
    if not all(type(bind.type) is NullType and bind.required and not bind.expanding for bind in parameters):
        return None
    return CompiledStatement(str(compiled), tuple(dict.fromkeys(compiled.positiontup or ())))


class StatementRunner:
    """Driver connection of a pooled connection, with the statements that were prepared on it.

    `watch`, if given, is called with every statement that is sent.
    """

    def __init__(self, connection: AsyncConnection, watch: Callable[[str], None] | None = None) -> None:
        assert connection.sync_connection is not None
        pooled = connection.sync_connection.connection
        driver: Any = pooled.driver_connection
        self.driver: asyncpg.Connection = driver
        self._prepared: dict[str, PreparedStatement] = pooled.info.setdefault("prepared", {})
        self.watch = watch

    async def command(self, sql: str) -> None:
        """Run a command without parameters. Raises asyncpg's own errors."""
        if self.watch is not None:
            self.watch(sql)
        await self.driver.execute(sql)

    async def begin(self, calls: Sequence[tuple[str, str]] = ()) -> None:
        """Begin a transaction and run statements of one parameter in the same round trip.

        `calls` are statements and the parameter of each, which is written into the command as it is: it consists of
        ids and `*` alone. The statements run by the names under which they are prepared, because PostgreSQL would plan
        a text anew every time. Raises asyncpg's own errors.
        """
        prepared = [(self._prepared.get(sql) or await self._prepare(sql), value) for sql, value in calls]
        executions = (f"EXECUTE {statement.get_name()}('{value}')" for statement, value in prepared)
        await self.command("; ".join(("BEGIN", *executions)))

    async def commit(self) -> None:
        """Commit. Raises DBAPIError, after which it is unknown whether the transaction was committed."""
        try:
            await self.command("COMMIT")
        except DRIVER_ERRORS as error:
            self._fail("COMMIT", error)

    async def roll_back(self) -> None:
        """Roll back, closing the connection if the server cannot be asked to."""
        if self.driver.is_closed():
            return
        try:
            await self.command("ROLLBACK")
        except (*DRIVER_ERRORS, OSError):
            self.driver.terminate()
        except BaseException:
            self.driver.terminate()
            raise

    async def run(self, statement: CompiledStatement, parameters: Mapping[str, Any] | None) -> Result:
        """Run a statement and return its rows. Raises DBAPIError."""
        sql, names = statement
        arguments = [parameters[name] for name in names] if parameters else ()
        if self.watch is not None:
            self.watch(sql)
        try:
            prepared = self._prepared.get(sql) or await self._prepare(sql)
            return Result(await prepared.fetch(*arguments), prepared)
        except DRIVER_ERRORS as error:
            self._fail(sql, error)

    async def run_many(self, statement: CompiledStatement, parameters: Sequence[Mapping[str, Any]]) -> None:
        """Run a statement once for each set of parameters, in one round trip. Raises DBAPIError."""
        sql, names = statement
        if self.watch is not None:
            self.watch(sql)
        try:
            prepared = self._prepared.get(sql) or await self._prepare(sql)
            await prepared.executemany([[values[name] for name in names] for values in parameters])
        except DRIVER_ERRORS as error:
            self._fail(sql, error)

    async def _prepare(self, sql: str) -> PreparedStatement:
        if len(self._prepared) >= MAX_PREPARED:
            self._prepared.clear()
        prepared = await self.driver.prepare(sql)
        self._prepared[sql] = prepared
        return prepared

    def _fail(self, sql: str, error: Exception) -> NoReturn:
        if isinstance(error, (asyncpg.InvalidCachedStatementError, asyncpg.OutdatedSchemaCacheError)):
            self._prepared.clear()
        if isinstance(error, asyncpg.InternalClientError):
            self.driver.terminate()
        raise to_sqlalchemy_error(error, sql, lost=self.driver.is_closed()) from error


def to_sqlalchemy_error(error: Exception, sql: str, *, lost: bool) -> DBAPIError:
    """Wrap a driver error in the SQLAlchemy class that callers know; it never shows parameters.

    Pass `lost` if the connection is gone.
    """
    kind = DBAPIError
    if isinstance(error, asyncpg.IntegrityConstraintViolationError):
        kind = IntegrityError
    elif isinstance(error, asyncpg.SyntaxOrAccessError):
        kind = ProgrammingError
    elif isinstance(error, asyncpg.InterfaceError):
        kind = InterfaceError
    return kind(sql, None, error, hide_parameters=True, connection_invalidated=lost)

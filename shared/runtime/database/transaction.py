"""Transactions, the only access to PostgreSQL. Nothing else commits.

Every connection of a service takes one of its two roles (see `shared.runtime.migrations.row_level_security`):
`<service>_api` sees the rows of the schools that its transaction names, `<service>_worker` sees all rows and is never
used by a route.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeVar, overload

from sqlalchemy import Executable
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.runtime.core.errors import connection_refusal, is_transient
from shared.runtime.database.connections import RoleKind, create_pool
from shared.runtime.database.results import Result
from shared.runtime.database.school_scope import FirstStatement, Scope, calls_with_begin, scope_statement
from shared.runtime.database.statements import (
    DRIVER_ERRORS,
    CompiledStatement,
    StatementRunner,
    compile_statement,
    compile_text,
    to_sqlalchemy_error,
)

Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None
T = TypeVar("T")
_MAX_REPLACED_CONNECTIONS = 3


class Transaction:
    """Open transaction. `now` is the database's clock at its begin (UTC); raise to roll everything back."""

    def __init__(
        self, database: Database, connection: AsyncConnection, runner: StatementRunner, now: datetime
    ) -> None:
        self.database = database
        self.now = now
        self._connection = connection
        self._runner = runner
        self._callbacks: list[Callable[[], None]] = []

    @property
    def schema(self) -> str:
        """Schema of the service, which is also its name."""
        return self.database.schema

    def call_after_commit(self, callback: Callable[[], None]) -> None:
        """Call `callback` once the transaction is committed; never if it is rolled back."""
        self._callbacks.append(callback)

    @property
    def callbacks_after_commit(self) -> Sequence[Callable[[], None]]:
        """Callbacks registered so far, in order."""
        return self._callbacks

    async def execute(self, statement: Executable | str, parameters: Parameters = None) -> Any:
        """Run a statement, once for each of several sets of parameters.

        Returns a `Result` for SQL text and SQLAlchemy's result for a statement built with Core. Raises DBAPIError.
        """
        compiled = compile_statement(statement)
        if compiled is None:
            if self._runner.watch is not None:
                self._runner.watch(str(statement))
            return await self._connection.execute(statement, parameters)  # type: ignore[arg-type]
        if parameters is None or isinstance(parameters, Mapping):
            return await self._runner.run(compiled, parameters)
        return await self._runner.run_many(compiled, parameters)

    async def rows(self, statement: Executable | str, parameters: Parameters = None) -> Sequence[Any]:
        """Run a statement and return all rows. Raises DBAPIError."""
        rows: Sequence[Any] = (await self.execute(statement, parameters)).all()
        return rows

    async def row(self, statement: Executable | str, parameters: Parameters = None) -> Any:
        """Run a statement and return the first row, or None. Raises DBAPIError."""
        return (await self.execute(statement, parameters)).first()

    async def scalar(self, statement: Executable | str, parameters: Parameters = None) -> Any:
        """Run a statement and return the first column of the first row, or None. Raises DBAPIError."""
        return (await self.execute(statement, parameters)).scalar()


class Database:
    """Connections to a service's own schema. An async context manager; leaving it closes all connections.

    `watch`, if set, is called with every statement that is sent, the begin and end of transactions included.
    """

    def __init__(self, url: str, *, schema: str, pool_size: int = 8) -> None:
        self.url = url
        self.schema = schema
        self.watch: Callable[[str], None] | None = None
        self._engines: dict[RoleKind, AsyncEngine] = {
            "api": create_pool(url, schema, pool_size, "api"),
            "worker": create_pool(url, schema, pool_size, "worker"),
        }

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for engine in self._engines.values():
            await engine.dispose()

    @overload
    def transaction(self, *, schools: Scope | None = None) -> AbstractAsyncContextManager[Transaction]: ...

    @overload
    def transaction(
        self, *, schools: Scope | None = None, first: FirstStatement[T]
    ) -> AbstractAsyncContextManager[tuple[Transaction, T]]: ...

    def transaction(
        self, *, schools: Scope | None = None, first: FirstStatement[Any] | None = None
    ) -> AbstractAsyncContextManager[Any]:
        """Begin a transaction; commit when the block ends, roll back when it raises.

        Routes name the `schools` whose rows exist for them; an empty collection leaves only the tables without school
        data. Without `schools` the transaction has the worker's role, which sees all rows: consumers and scheduled
        work. With `first` the block gets `(transaction, value)`, where the value is what the first statement read;
        it does not go with `SchoolsOf`. Raises DBAPIError, and DatabaseRefused where an operator has to act first.
        """
        return self._plain(schools) if first is None else self._with_first(schools, first)

    @asynccontextmanager
    async def transaction_on(self, connection: AsyncConnection) -> AsyncIterator[Transaction]:
        """Begin a transaction on a connection of the caller, such as one with temporary tables.

        Commits when the block ends, rolls back when it raises. The rows it sees are those of the connection's role.
        """
        async with connection.begin():
            now = (await connection.exec_driver_sql("SELECT now()")).scalar_one()
            tx = Transaction(self, connection, StatementRunner(connection, self.watch), now)
            yield tx
        for callback in tx.callbacks_after_commit:
            callback()

    @asynccontextmanager
    async def _plain(self, schools: Scope | None) -> AsyncIterator[Transaction]:
        async with self._open(schools, (), scope_statement(schools)) as (tx, _):
            yield tx

    @asynccontextmanager
    async def _with_first(
        self, schools: Scope | None, first: FirstStatement[T]
    ) -> AsyncIterator[tuple[Transaction, T]]:
        statement = compile_text(first.statement), first.parameters
        async with self._open(schools, calls_with_begin(schools, first), statement) as (tx, result):
            yield tx, first.read(result)

    @asynccontextmanager
    async def _open(
        self,
        schools: Scope | None,
        calls: Sequence[tuple[str, str]],
        first: tuple[CompiledStatement, Mapping[str, Any]],
    ) -> AsyncIterator[tuple[Transaction, Result]]:
        connection, runner = await self._begin("worker" if schools is None else "api", calls)
        try:
            result = await runner.run(*first)
            tx = Transaction(self, connection, runner, result.scalar())
            yield tx, result
            await runner.commit()
        except BaseException:
            await runner.roll_back()
            raise
        finally:
            await connection.close()
        for callback in tx.callbacks_after_commit:
            callback()

    async def _begin(
        self, role: RoleKind, calls: Sequence[tuple[str, str]]
    ) -> tuple[AsyncConnection, StatementRunner]:
        """Begin on a pooled connection, replacing connections that died in the pool: nothing was done on them yet."""
        for attempt in range(_MAX_REPLACED_CONNECTIONS + 1):
            connection = await _connect(self._engines[role])
            runner = StatementRunner(connection, self.watch)
            try:
                await runner.begin(calls)
            except BaseException as error:
                runner.driver.terminate()
                await connection.close()
                if not isinstance(error, (*DRIVER_ERRORS, OSError)):
                    raise
                failure = to_sqlalchemy_error(error, "BEGIN", lost=True)
                if attempt == _MAX_REPLACED_CONNECTIONS or not is_transient(failure):
                    raise failure from error
            else:
                return connection, runner
        raise AssertionError


async def _connect(engine: AsyncEngine) -> AsyncConnection:
    """Take a connection from the pool. Raises DatabaseRefused where an operator has to act first."""
    try:
        return await engine.connect()
    except DBAPIError as error:
        refusal = connection_refusal(error)
        if refusal is None:
            raise
        raise refusal from error

"""The one way to PostgreSQL: `transaction()`. Only it commits.

Every connection of a service takes one of its two roles (see `shared.runtime.tenancy`): `<service>_api` sees the rows
of the schools that its transaction names, `<service>_worker` sees all and is never used by a route.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from types import TracebackType
from typing import Any, Final, Literal, Self
from uuid import UUID

from sqlalchemy import CursorResult, Executable, Row, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from shared.runtime.errors import refusal_of

Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None
Kind = Literal["api", "worker"]


class EverySchool(Enum):
    """The scope of a caller who may see all schools of the installation."""

    EVERY_SCHOOL = "*"


EVERY_SCHOOL: Final = EverySchool.EVERY_SCHOOL


@dataclass(frozen=True, slots=True)
class SchoolsOf:
    """The schools that a key belongs to, where a request names no school: a digest in a link, a session's cookie.

    `function` is one of the service's look-ups (`Tenancy.look_up`), never anything from outside; `key` is its argument.
    """

    function: str
    key: str


Scope = Collection[UUID] | EverySchool | SchoolsOf

_BEGIN = text("SELECT now() AS now, set_config('app.schools', :schools, true)")
_BEGIN_BY = "SELECT now() AS now, set_config('app.schools', array_to_string({function}(:key), ','), true)"


class Transaction:
    """An open transaction. `now` is the database's clock at its begin (UTC); raise to roll everything back."""

    def __init__(
        self, connection: AsyncConnection, now: datetime, schema: str, hint: Callable[[str], str] = str
    ) -> None:
        self._connection = connection
        self.now = now
        self.schema = schema
        self.hint = hint
        """What to notify the service's channel of when something is emitted to a lane; empty where nobody needs it."""
        self.emitted: set[str] = set()

    async def execute(self, statement: Executable | str, parameters: Parameters = None) -> CursorResult[Any]:
        """Run a statement; a string is wrapped in `text()`."""
        prepared = text(statement) if isinstance(statement, str) else statement
        return await self._connection.execute(prepared, parameters)

    async def rows(self, statement: Executable | str, parameters: Parameters = None) -> Sequence[Row[Any]]:
        """All rows."""
        return (await self.execute(statement, parameters)).all()

    async def row(self, statement: Executable | str, parameters: Parameters = None) -> Row[Any] | None:
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
            "api": create_engine(url, schema=schema, pool_size=pool_size, role=role_of(schema, "api")),
            "worker": create_engine(url, schema=schema, pool_size=pool_size, role=role_of(schema, "worker")),
        }
        self._wakers: list[Callable[[str], None]] = []
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

    def on_emit(self, wake: Callable[[str], None]) -> None:
        """Call `wake` with the lane after every commit, of this process, that left something in it to be published."""
        self._wakers.append(wake)

    def hint(self, lane: str) -> str:
        """The notification that something was emitted to a lane; empty where `on_emit` reaches its relay."""
        return "" if self.led.get(lane, 0.0) > time.monotonic() else f"{lane} {self._speaker}"

    def heard(self, said: str) -> str | None:
        """The lane of a notification on `channel`; None for our own words, which `on_emit` was faster with."""
        lane, _, speaker = said.partition(" ")
        return None if speaker == self._speaker else lane

    @asynccontextmanager
    async def transaction(self, *, schools: Scope | None = None) -> AsyncIterator[Transaction]:
        """Begin; commit when the block ends, roll back when it raises.

        Routes name the `schools` whose rows exist for them (an empty list: none; tables without school data are there
        anyway). Without `schools` it is a worker's, which sees all: consumers and timers.
        """
        engine = self._engines["worker" if schools is None else "api"]
        async with _connected(engine) as connection, connection.begin() as begun:
            now = (await connection.execute(*_begin(schools))).scalar_one()
            transaction = Transaction(connection, now, self.schema, self.hint)
            yield transaction
            await begun.commit()
        for lane in transaction.emitted:
            for wake in self._wakers:
                wake(lane)


@asynccontextmanager
async def _connected(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection; raises DatabaseRefused where an operator has to do something first."""
    async with AsyncExitStack() as stack:
        try:
            connection = await stack.enter_async_context(engine.connect())
        except DBAPIError as error:
            refusal = refusal_of(error)
            if refusal is None:
                raise
            raise refusal from error
        yield connection


def channel_of(schema: str) -> str:
    """The channel on which a service's relays are notified of what was emitted elsewhere."""
    return f"outbox_{schema}"


def role_of(schema: str, kind: Kind) -> str:
    """The database role of a service's routes (`api`) or of everything else it runs (`worker`)."""
    return f"{schema}_{kind}"


def _begin(schools: Scope | None) -> tuple[Executable, dict[str, str]]:
    if isinstance(schools, SchoolsOf):
        return text(_BEGIN_BY.format(function=schools.function)), {"key": schools.key}
    if isinstance(schools, EverySchool):
        return _BEGIN, {"schools": schools.value}
    return _BEGIN, {"schools": ",".join(str(school) for school in schools or ())}


def create_engine(url: str, *, schema: str, pool_size: int = 2, role: str | None = None) -> AsyncEngine:
    """An engine whose connections see the service's schema first and have `role`; errors never show parameters.

    A role taken when the connection starts is what RESET ROLE and RESET ALL go back to.
    """
    return create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=10,
        pool_pre_ping=True,
        hide_parameters=True,
        json_serializer=lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":")),
        connect_args={
            "timeout": 10,
            "server_settings": {
                "search_path": schema,
                "application_name": f"kinvite-{schema}",
                "jit": "off",
                # Where a batch names its 500 rows, the default of 4, made for turning disks, reads the whole table.
                "random_page_cost": "1.1",
                "idle_in_transaction_session_timeout": "60000",
                **({} if role is None else {"role": role}),
            },
        },
    )

"""The frame of every service: one `async with` that opens, in order, all that runs; it closes in the reverse order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError
from structlog.contextvars import bind_contextvars

from shared.runtime import problems
from shared.runtime.broker_watch import BrokerWatch
from shared.runtime.consumer import Subscription
from shared.runtime.consumers import Consumers, crash
from shared.runtime.database import Database
from shared.runtime.deputy import Deputy
from shared.runtime.errors import DatabaseRefused, explain_database
from shared.runtime.health import Health
from shared.runtime.housekeeping import Housekeeping
from shared.runtime.http import DEFAULT_BODY_BYTES, Frame
from shared.runtime.kafka import Kafka
from shared.runtime.listener import Hearing, Listener
from shared.runtime.outbox import Lane
from shared.runtime.relay import Relay
from shared.runtime.revocations import Revocations
from shared.runtime.settings import ServiceSettings
from shared.runtime.timers import Timer

_LOGIN_IS_OWNER = """
SELECT pg_has_role(session_user, nspowner, 'MEMBER') FROM pg_namespace WHERE nspname = :schema
"""
LAST_WORDS_SECONDS = 2.0
Loop = Callable[[], Coroutine[Any, Any, None]]


def service_app(  # noqa: PLR0913 - the one place where a service is put together
    name: str,
    settings: ServiceSettings,
    *,
    database: Database,
    routers: Sequence[APIRouter],
    subscriptions: Sequence[Subscription] = (),
    timers: Sequence[Timer] = (),
    resources: Sequence[AbstractAsyncContextManager[Any]] = (),
    hearings: Sequence[Hearing] = (),
    takes_tokens: bool = True,
    api: bool = True,
    worker: bool = True,
    max_body_bytes: int = DEFAULT_BODY_BYTES,
    on_bug: Callable[[BaseException], None] = crash,
) -> FastAPI:
    """A service's ASGI app. `api` serves the routers; `worker` consumes, runs the timers and relays the outbox.

    `resources` are opened before anything works and closed after everything has stopped but the relays: what they still
    record is published. `hearings` share the one connection that listens for the outbox. `takes_tokens`: some route is
    for programs with a token.
    """
    health, kafka = Health(), Kafka.of(settings)
    relays: dict[Lane, Relay] = {}
    if worker:
        relays = _relays(database, settings, kafka, health)
        every = (*timers, Housekeeping(database, settings).timer())
        loops = [_hearing(database, relays, hearings), *(_loop(one, health) for one in every)]
    else:
        loops = _standing_by(database, kafka, health, hearings)
    revocations = Revocations(kafka, health) if api and takes_tokens else None
    loops += [BrokerWatch(kafka).run, *([] if revocations is None else [revocations.run])]
    limit = settings.dead_letter_limit_per_hour
    work = subscriptions if worker else ()
    consumers = Consumers(kafka, database, work, health, dead_letter_limit_per_hour=limit, on_bug=on_bug)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        bind_contextvars(service=name)
        running = (_running(loop, on_bug) for loop in loops)
        relaying = _relaying(relays.values(), on_bug)
        async with _opened(database, relaying, *resources, *running, consumers):
            yield

    app = FastAPI(title=f"Kinvite {name}", version="1", lifespan=lifespan, **_documents(name))
    app.state.auth_secret = settings.auth_secret.get_secret_value()
    app.state.health = health
    app.state.revocations = revocations
    app.state.consumers = consumers
    app.add_middleware(Frame, service=name, max_body_bytes=max_body_bytes)
    problems.install(app)
    for router in (_health_routes(name, database, health), *(routers if api else ())):
        app.include_router(router)
    return app


def _documents(name: str) -> dict[str, Any]:
    """Only the description for programs is served."""
    return {"docs_url": None, "redoc_url": None, "openapi_url": f"/{name}/openapi.json"}


def _relays(database: Database, settings: ServiceSettings, kafka: Kafka, health: Health) -> dict[Lane, Relay]:
    """A relay for each lane, woken by commits here."""
    poll = settings.relay_poll_milliseconds
    relays = {lane: Relay(database, kafka, lane, health, poll_milliseconds=poll) for lane in Lane}
    database.on_emit(lambda lane, messages: relays[Lane(lane)].wake(messages))
    return relays


def _hearing(database: Database, relays: Mapping[Lane, Relay], hearings: Sequence[Hearing]) -> Loop:
    """What wakes the relays of commits elsewhere."""

    def joined() -> None:
        for relay in relays.values():
            relay.ask()

    def heard(said: str) -> None:
        lane = database.heard(said)
        if lane is None:
            return
        if lane in list(Lane):
            relays[Lane(lane)].wake()
        else:  # a lease was released, or a replica of another version names no lane that we know
            joined()

    return Listener(database, [Hearing(database.channel, heard, joined), *hearings]).run


def _standing_by(database: Database, kafka: Kafka, health: Health, hearings: Sequence[Hearing]) -> list[Loop]:
    """The workers relay; where none is at work, the deputy does."""
    deputy = Deputy(database, lambda lane: Relay(database, kafka, lane, Health()))
    return [_loop(deputy.timer(), health), *([Listener(database, hearings).run] if hearings else [])]


@asynccontextmanager
async def _opened(*parts: AbstractAsyncContextManager[Any]) -> AsyncIterator[None]:
    """All of them, opened in this order and closed in the reverse one."""
    async with AsyncExitStack() as stack:
        for part in parts:
            await stack.enter_async_context(part)
        yield


def _loop(timer: Timer, health: Health) -> Loop:
    return lambda: timer.run(health)


@asynccontextmanager
async def _running(loop: Loop, on_bug: Callable[[BaseException], None]) -> AsyncIterator[None]:
    """Run a loop in the background while the block is open; a loop that raises is a bug."""
    task = asyncio.create_task(_guarded(loop, on_bug))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def _relaying(relays: Iterable[Relay], on_bug: Callable[[BaseException], None]) -> AsyncIterator[None]:
    """The relays are at work while the block is open; then they publish what is left, where the broker takes it."""
    tasks = {relay: asyncio.create_task(_guarded(relay.run, on_bug)) for relay in relays}
    try:
        yield
    finally:
        if hopeful := [task for relay, task in tasks.items() if relay.end()]:
            await asyncio.wait(hopeful, timeout=LAST_WORDS_SECONDS)
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)


async def _guarded(loop: Loop, on_bug: Callable[[BaseException], None]) -> None:
    try:
        await loop()
    except Exception as error:
        on_bug(error)
        raise


def _health_routes(name: str, database: Database, health: Health) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    async def healthz() -> JSONResponse:
        dead = health.dead()
        return JSONResponse({"service": name, "dead": dead}, 503 if dead else 200)

    async def readyz() -> JSONResponse:
        found = health.problems()
        try:
            async with asyncio.timeout(3), database.transaction(schools=()) as transaction:
                if await transaction.scalar(_LOGIN_IS_OWNER, {"schema": database.schema}):
                    found["database"] = "the services need a database user who is neither owner nor superuser"
        except DatabaseRefused as error:
            found["database"] = str(error)
        except (SQLAlchemyError, OSError) as error:
            found["database"] = explain_database(error)
        return JSONResponse({"service": name, "problems": found}, 503 if found else 200)

    for prefix in ("", f"/{name}"):
        router.add_api_route(f"{prefix}/healthz", healthz, methods=["GET", "HEAD"])
        router.add_api_route(f"{prefix}/readyz", readyz, methods=["GET", "HEAD"])
    return router

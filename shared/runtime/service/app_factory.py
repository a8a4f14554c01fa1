"""The ASGI app of a service: one `async with` opens all that runs, in order, and closes it in the reverse order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError
from structlog.contextvars import bind_contextvars

from shared.runtime.background.periodic_task import PeriodicTask
from shared.runtime.core.errors import DatabaseRefused, explain_database
from shared.runtime.core.settings import ServiceSettings
from shared.runtime.database.notifications import NotificationHandler, NotificationListener
from shared.runtime.database.transaction import Database
from shared.runtime.messaging.broker.client import Kafka
from shared.runtime.messaging.broker.monitor import BrokerMonitor
from shared.runtime.messaging.inbox.runner import SubscriptionRunner, crash
from shared.runtime.messaging.inbox.subscription import Subscription
from shared.runtime.messaging.outbox.emit import Lane
from shared.runtime.messaging.outbox.relay import Relay
from shared.runtime.messaging.outbox.standby import StandbyRelay
from shared.runtime.messaging.outbox.wakeups import outbox_channel, wakeups_of
from shared.runtime.messaging.retention import Retention
from shared.runtime.observability.health import Health
from shared.runtime.web.middleware import DEFAULT_BODY_BYTES, RequestMiddleware, UploadLimit
from shared.runtime.web.problem_details import install_problem_handlers
from shared.runtime.web.token_revocations import TokenRevocations

_LOGIN_IS_OWNER = """
SELECT pg_has_role(session_user, nspowner, 'MEMBER') FROM pg_namespace WHERE nspname = :schema
"""
FINAL_PUBLISH_SECONDS = 2.0
Loop = Callable[[], Coroutine[Any, Any, None]]


def create_service_app(  # noqa: PLR0913 - the one place where a service is put together
    name: str,
    settings: ServiceSettings,
    *,
    database: Database,
    routers: Sequence[APIRouter],
    subscriptions: Sequence[Subscription] = (),
    periodic_tasks: Sequence[PeriodicTask] = (),
    resources: Sequence[AbstractAsyncContextManager[Any]] = (),
    notification_handlers: Sequence[NotificationHandler] = (),
    accepts_api_tokens: bool = True,
    api: bool = True,
    worker: bool = True,
    max_body_bytes: int = DEFAULT_BODY_BYTES,
    uploads: UploadLimit | None = None,
    on_bug: Callable[[BaseException], None] = crash,
) -> FastAPI:
    """Create a service's ASGI app. `api` serves the routers; `worker` consumes, runs the tasks and relays the outbox.

    `resources` are opened before anything runs and closed after everything but the relays has stopped, so that what
    they still emit is published. `notification_handlers` share the connection that listens for the outbox.
    A body has at most `max_body_bytes`, or what `uploads` permits.
    Pass `accepts_api_tokens` if some route accepts the token of an API client.
    """
    health, kafka = Health(), Kafka.from_settings(settings)
    relays: dict[Lane, Relay] = {}
    if worker:
        relays = _create_relays(database, settings, kafka, health)
        tasks = (*periodic_tasks, Retention(database, settings).task())
        loops = [
            _listen(database, relays, notification_handlers),
            *(_task_loop(task, health) for task in tasks),
        ]
    else:
        loops = _standby_loops(database, kafka, health, notification_handlers)
    revocations = TokenRevocations(kafka, health) if api and accepts_api_tokens else None
    loops += [BrokerMonitor(kafka).run, *([] if revocations is None else [revocations.run])]
    runner = SubscriptionRunner(
        kafka,
        database,
        subscriptions if worker else (),
        health,
        dead_letter_limit_per_hour=settings.dead_letter_limit_per_hour,
        on_bug=on_bug,
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        bind_contextvars(service=name)
        running = (_running(loop, on_bug) for loop in loops)
        relaying = _relaying(relays.values(), on_bug)
        async with _opened(database, relaying, *resources, *running, runner):
            yield

    app = FastAPI(title=f"Kinvite {name}", version="1", lifespan=lifespan, **_fastapi_options(name))
    app.state.auth_secret = settings.auth_secret.get_secret_value()
    app.state.health = health
    app.state.revocations = revocations
    app.state.subscriptions = runner
    _protect(app, name, settings, max_body_bytes, uploads)
    install_problem_handlers(app)
    for router in (_health_routes(name, database, health), *(routers if api else ())):
        app.include_router(router)
    return app


def _protect(
    app: FastAPI, name: str, settings: ServiceSettings, max_body_bytes: int, uploads: UploadLimit | None
) -> None:
    """Put the middleware of every request around the app."""
    app.add_middleware(
        RequestMiddleware,
        service=name,
        max_body_bytes=max_body_bytes,
        uploads=uploads,
        https=settings.public_url.startswith("https://"),
    )


def _fastapi_options(name: str) -> dict[str, Any]:
    """Return FastAPI's options that serve the OpenAPI description, no documentation page, and no redirects.

    A redirect to the path without its last slash would repeat the Host header, which the caller chooses.
    """
    documentation = {"docs_url": None, "redoc_url": None, "openapi_url": f"/{name}/openapi.json"}
    return {**documentation, "redirect_slashes": False}


def _create_relays(
    database: Database, settings: ServiceSettings, kafka: Kafka, health: Health
) -> dict[Lane, Relay]:
    """Create a relay for each lane and let commits of this process wake it."""
    poll = settings.relay_poll_milliseconds
    relays = {lane: Relay(database, kafka, lane, health, poll_milliseconds=poll) for lane in Lane}
    wakeups_of(database).on_emit(lambda lane, messages: relays[Lane(lane)].wake(messages))
    return relays


def _listen(
    database: Database, relays: Mapping[Lane, Relay], handlers: Sequence[NotificationHandler]
) -> Loop:
    """Return the loop that listens for notifications and wakes the relays after commits of other processes."""
    wakeups = wakeups_of(database)

    def try_acquire_all() -> None:
        for relay in relays.values():
            relay.try_acquire()

    def on_notification(payload: str) -> None:
        lane = wakeups.lane_of_notification(payload)
        if lane is None:
            return
        if lane in list(Lane):
            relays[Lane(lane)].wake()
        else:  # a lease was released, or another version names a lane that is unknown here
            try_acquire_all()

    outbox = NotificationHandler(outbox_channel(database.schema), on_notification, try_acquire_all)
    return NotificationListener(database, [outbox, *handlers]).run


def _standby_loops(
    database: Database, kafka: Kafka, health: Health, handlers: Sequence[NotificationHandler]
) -> list[Loop]:
    """Return the loops of a process without a worker: the standby relay, and a listener if anything listens."""
    standby = StandbyRelay(database, lambda lane: Relay(database, kafka, lane, Health()))
    return [
        _task_loop(standby.task(), health),
        *([NotificationListener(database, handlers).run] if handlers else []),
    ]


@asynccontextmanager
async def _opened(*parts: AbstractAsyncContextManager[Any]) -> AsyncIterator[None]:
    """Open all parts in this order and close them in the reverse order."""
    async with AsyncExitStack() as stack:
        for part in parts:
            await stack.enter_async_context(part)
        yield


def _task_loop(task: PeriodicTask, health: Health) -> Loop:
    return lambda: task.run(health)


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
    """Run the relays while the block is open, then let them publish what is pending if the broker accepts it."""
    tasks = {relay: asyncio.create_task(_guarded(relay.run, on_bug)) for relay in relays}
    try:
        yield
    finally:
        if publishing := [task for relay, task in tasks.items() if relay.end()]:
            await asyncio.wait(publishing, timeout=FINAL_PUBLISH_SECONDS)
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
        problems = health.problems()
        try:
            async with asyncio.timeout(3), database.transaction(schools=()) as tx:
                if await tx.scalar(_LOGIN_IS_OWNER, {"schema": database.schema}):
                    problems["database"] = (
                        "the services need a database user who is neither owner nor superuser"
                    )
        except DatabaseRefused as error:
            problems["database"] = str(error)
        except (SQLAlchemyError, OSError) as error:
            problems["database"] = explain_database(error)
        return JSONResponse({"service": name, "problems": problems}, 503 if problems else 200)

    for prefix in ("", f"/{name}"):
        router.add_api_route(f"{prefix}/healthz", healthz, methods=["GET", "HEAD"])
        router.add_api_route(f"{prefix}/readyz", readyz, methods=["GET", "HEAD"])
    return router

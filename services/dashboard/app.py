"""The dashboard's composition root."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI

from services.dashboard.channels.owners import Owners
from services.dashboard.consumers import SUBSCRIPTIONS
from services.dashboard.http import ROUTERS, problem_pages
from services.dashboard.http.context import Context
from services.dashboard.service.live import Watches
from services.dashboard.service.staff import ensure_owner
from services.dashboard.settings import Settings
from services.dashboard.storage.changes import CHANNEL
from services.dashboard.timers import announcing
from shared.runtime.core import load_settings
from shared.runtime.database import Database, NotificationHandler
from shared.runtime.messaging import Kafka
from shared.runtime.service import create_service_app
from shared.runtime.web import read_revocations


def create_app(settings: Settings | None = None, *, api: bool = True, worker: bool = True) -> FastAPI:
    """The pages and the status view (`api`), the projection (`worker`), or both."""
    settings = settings or load_settings(Settings)
    database = Database(settings.database_url, schema="dashboard", pool_size=settings.database_pool_size)
    owners = Owners(
        settings.services_url,
        settings.auth_secret.get_secret_value(),
        timeout_seconds=settings.command_timeout_seconds,
        upload_seconds=settings.upload_timeout_seconds,
    )
    watches = Watches(settings.streams_per_session)
    app = create_service_app(
        "dashboard",
        settings,
        database=database,
        routers=ROUTERS,
        subscriptions=SUBSCRIPTIONS,
        notification_handlers=(NotificationHandler(CHANNEL, watches.heard, watches.joined),) if api else (),
        periodic_tasks=(announcing(database, partial(read_revocations, Kafka.from_settings(settings))),),
        resources=(owners, _first_owner(database, settings)) if api else (),
        api=api,
        worker=worker,
        max_body_bytes=settings.upload_limit_megabytes * 1024 * 1024,
    )
    if app.state.revocations is not None:
        app.state.revocations.on_revoked(watches.doubt_all)
    app.state.dashboard = Context(settings, database, owners, watches)
    problem_pages.install(app)
    return app


@asynccontextmanager
async def _first_owner(database: Database, settings: Settings) -> AsyncIterator[None]:
    if settings.owner_email and settings.owner_password:
        await ensure_owner(database, settings.owner_email, settings.owner_password.get_secret_value())
    yield

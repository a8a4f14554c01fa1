"""Composition root of the dashboard: wires database, clients, routes, consumers and periodic tasks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI

from services.dashboard.clients.http import HttpClient
from services.dashboard.clients.services import ServiceClients
from services.dashboard.consumers import subscriptions
from services.dashboard.http import problem_pages, routers
from services.dashboard.http.context import Context
from services.dashboard.http.imports import UPLOAD_PATH
from services.dashboard.schedule import periodic_tasks
from services.dashboard.settings import Settings
from services.dashboard.storage.notify import CHANNEL
from services.dashboard.use_cases.live_updates import LiveUpdateSubscriptions
from services.dashboard.use_cases.staff_admin import ensure_owner
from shared.runtime.core import load_settings
from shared.runtime.database import Database, NotificationHandler
from shared.runtime.messaging import Kafka
from shared.runtime.service import create_service_app
from shared.runtime.web import UploadLimit, read_revocations


def create_app(settings: Settings | None = None, *, api: bool = True, worker: bool = True) -> FastAPI:
    """Return the ASGI app with the pages and the status view (`api`), the projection (`worker`), or both."""
    settings = settings or load_settings(Settings)
    database = Database(settings.database_url, schema="dashboard", pool_size=settings.database_pool_size)
    clients = ServiceClients(
        HttpClient(
            settings.services_url,
            settings.auth_secret.get_secret_value(),
            timeout_seconds=settings.command_timeout_seconds,
            upload_seconds=settings.upload_timeout_seconds,
        )
    )
    live_updates = LiveUpdateSubscriptions(settings.streams_per_session)
    handler = NotificationHandler(CHANNEL, live_updates.handle_notification, live_updates.handle_reconnect)
    app = create_service_app(
        "dashboard",
        settings,
        database=database,
        routers=routers(),
        subscriptions=subscriptions(),
        notification_handlers=(handler,) if api else (),
        periodic_tasks=periodic_tasks(database, partial(read_revocations, Kafka.from_settings(settings))),
        resources=(clients, _first_owner(database, settings)) if api else (),
        api=api,
        worker=worker,
        uploads=UploadLimit(UPLOAD_PATH, settings.upload_limit_megabytes * 1024 * 1024),
    )
    if app.state.revocations is not None:
        app.state.revocations.on_revoked(live_updates.require_permission_checks)
    app.state.context = Context(settings, database, clients, live_updates)
    problem_pages.install(app)
    return app


@asynccontextmanager
async def _first_owner(database: Database, settings: Settings) -> AsyncIterator[None]:
    if settings.owner_email and settings.owner_password:
        await ensure_owner(database, settings.owner_email, settings.owner_password.get_secret_value())
    yield

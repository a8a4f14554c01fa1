"""Composition root of the roster."""

from __future__ import annotations

from fastapi import FastAPI

from services.roster import http
from services.roster.consumers import subscriptions
from services.roster.schedule import ImportWorker
from services.roster.settings import Settings
from services.roster.storage.imports import IMPORTS_CHANNEL
from shared.runtime.core import load_settings
from shared.runtime.database import Database, NotificationHandler
from shared.runtime.service import create_service_app
from shared.runtime.web import UploadLimit

FORM_BYTES = 64 * 1024


def create_app(settings: Settings | None = None, *, api: bool = True, worker: bool = True) -> FastAPI:
    """Return the service's ASGI app: `api` serves the routes, `worker` consumes events and processes imports."""
    settings = settings or load_settings(Settings)
    database = Database(settings.database_url, schema="roster", pool_size=settings.database_pool_size)
    imports = ImportWorker(database, poll_seconds=settings.import_poll_seconds)

    def wake_imports(*_: str) -> None:
        imports.task.wake()

    app = create_service_app(
        "roster",
        settings,
        database=database,
        routers=http.routers(),
        subscriptions=subscriptions(),
        periodic_tasks=[imports.task],
        resources=[imports],
        notification_handlers=[NotificationHandler(IMPORTS_CHANNEL, wake_imports, wake_imports)]
        if worker
        else [],
        api=api,
        worker=worker,
        uploads=UploadLimit(http.UPLOAD_PATH, settings.import_max_bytes + FORM_BYTES),
    )
    app.state.context = http.Context(database, settings.import_max_bytes)
    http.install_errors(app)
    return app

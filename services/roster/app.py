"""The roster, put together."""

from __future__ import annotations

from fastapi import FastAPI

from services.roster import http
from services.roster.consumers import SUBSCRIPTIONS
from services.roster.settings import Settings
from services.roster.storage.imports import IMPORTS
from services.roster.timers import ImportWorker
from shared.runtime.core import load_settings
from shared.runtime.database import Database, NotificationHandler
from shared.runtime.service import create_service_app

FORM_BYTES = 64 * 1024


def create_app(settings: Settings | None = None, *, api: bool = True, worker: bool = True) -> FastAPI:
    """The service's ASGI app; `api` serves routes, `worker` consumes and imports."""
    settings = settings or load_settings(Settings)
    database = Database(settings.database_url, schema="roster", pool_size=settings.database_pool_size)
    imports = ImportWorker(database, poll_seconds=settings.import_poll_seconds)

    def look(*_: str) -> None:
        """There is an import to work on."""
        imports.timer.wake()

    app = create_service_app(
        "roster",
        settings,
        database=database,
        routers=http.ROUTERS,
        subscriptions=SUBSCRIPTIONS,
        periodic_tasks=[imports.timer],
        resources=[imports],
        notification_handlers=[NotificationHandler(IMPORTS, look, look)] if worker else [],
        api=api,
        worker=worker,
        max_body_bytes=settings.import_max_bytes + FORM_BYTES,
    )
    app.state.context = http.Context(database, settings.import_max_bytes)
    return app

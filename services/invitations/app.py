"""Composition root of the invitations service."""

from __future__ import annotations

from fastapi import FastAPI

from services.invitations.consumers import subscriptions
from services.invitations.http import routers
from services.invitations.http.office import Office
from services.invitations.service.bulk import RUNS
from services.invitations.service.catch_up import RosterClient
from services.invitations.service.desk import Desk
from services.invitations.settings import Settings
from services.invitations.timers import Sweeps
from shared.runtime.core import LinkTokenKeys, load_settings
from shared.runtime.database import Database, NotificationHandler
from shared.runtime.service import create_service_app


def create_app(settings: Settings | None = None, *, api: bool = True, worker: bool = True) -> FastAPI:
    """The service: its API, its consumers and its timers, as asked."""
    settings = settings or load_settings(Settings)
    database = Database(settings.database_url, schema="invitations", pool_size=settings.database_pool_size)
    keys = LinkTokenKeys.from_setting(settings.token_keys.get_secret_value())
    desk = Desk(keys, settings.limits, settings.usable_channels)
    roster = RosterClient(settings.roster_url or settings.public_url, settings.auth_secret.get_secret_value())
    sweeps = Sweeps(database, desk, settings, roster.count_parents)
    listing, expansion = sweeps.listing(), sweeps.expansion()
    timers = [sweeps.expiry(), sweeps.wishes(), sweeps.mornings(), listing, expansion]
    if settings.reminders_enabled:
        timers.append(sweeps.reminders())

    def look(*_: str) -> None:
        """There is a run to list, or to go on with."""
        listing.wake()
        expansion.wake()

    app = create_service_app(
        "invitations",
        settings,
        database=database,
        routers=routers(),
        subscriptions=subscriptions(desk, sweeps.arrivals, sweeps.outcomes),
        periodic_tasks=timers,
        resources=[roster],
        notification_handlers=[NotificationHandler(RUNS, look, look)] if worker else [],
        api=api,
        worker=worker,
    )
    app.state.office = Office(database, desk, settings, roster.count_parents)
    return app

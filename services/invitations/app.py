"""Composition root of the invitations service."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from fastapi import FastAPI

from services.invitations.clients.roster import RosterClient
from services.invitations.consumers import subscriptions
from services.invitations.domain.models import InvitationPolicy, Link, Purpose
from services.invitations.http import routers
from services.invitations.http.context import Context
from services.invitations.schedule import ScheduledTasks
from services.invitations.settings import Settings
from services.invitations.use_cases.bulk_runs import CHANGES_CHANNEL
from shared.runtime.core import LinkTokenKeys, load_settings, new_id, token_digest
from shared.runtime.database import Database, NotificationHandler
from shared.runtime.service import create_service_app


def create_app(settings: Settings | None = None, *, api: bool = True, worker: bool = True) -> FastAPI:
    """Return the service's app. `api` adds the HTTP API, `worker` the consumers and the scheduled tasks."""
    settings = settings or load_settings(Settings)
    database = Database(settings.database_url, schema="invitations", pool_size=settings.database_pool_size)
    policy = invitation_policy(settings)
    roster = RosterClient(settings.roster_url or settings.public_url, settings.auth_secret.get_secret_value())
    tasks = ScheduledTasks(database, policy, settings, roster.count_parents)

    def wake_bulk(*_: str) -> None:
        tasks.wake_bulk()

    app = create_service_app(
        "invitations",
        settings,
        database=database,
        routers=routers(),
        subscriptions=subscriptions(policy, tasks.arrivals, tasks.reports),
        periodic_tasks=tasks.periodic_tasks(),
        resources=[roster],
        notification_handlers=[NotificationHandler(CHANGES_CHANNEL, wake_bulk, wake_bulk)] if worker else [],
        api=api,
        worker=worker,
    )
    app.state.context = Context(database, policy, settings, roster.count_parents)
    return app


def invitation_policy(settings: Settings) -> InvitationPolicy:
    """Return the policy of this installation; links are derived with the current one of its token keys."""
    keys = LinkTokenKeys.from_setting(settings.token_keys.get_secret_value())
    return InvitationPolicy(settings.limits, settings.usable_channels, partial(_derive_link, keys), new_id)


def _derive_link(keys: LinkTokenKeys, purpose: Purpose, invitation_id: UUID, generation: int) -> Link:
    key_id = keys.current_id
    token = keys.derive(purpose.value, invitation_id, generation, key_id)
    return Link(key_id, token_digest(token))

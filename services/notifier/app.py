"""The composition root: everything that the notifier runs."""

from __future__ import annotations

from fastapi import FastAPI

from services.notifier.channels.email import EmailChannel, EmailSettings
from services.notifier.channels.smtp import TimeLimits
from services.notifier.consumers import subscriptions
from services.notifier.domain.retry import RetryPolicy
from services.notifier.http import router
from services.notifier.service.claiming import Links, Queue
from services.notifier.settings import Settings, SmtpServer
from services.notifier.timers.sender import Sender
from shared.runtime.database import Database
from shared.runtime.outbox import Lane
from shared.runtime.service_app import service_app
from shared.runtime.settings import load
from shared.runtime.tokens import TokenKeys

SINGLE_SHARE = 4


def create_app(settings: Settings | None = None, *, api: bool = True, worker: bool = True) -> FastAPI:
    """The notifier's ASGI app. `worker` consumes commands and sends; `api` answers staff."""
    settings = settings or load(Settings)
    database = Database(settings.database_url, schema="notifier", pool_size=settings.database_pool_size)
    senders = _senders(settings, database) if worker else []

    def wake(lane: Lane) -> None:
        for sender in senders:
            if sender.queue.lane is lane:
                sender.timer.wake()

    return service_app(
        "notifier",
        settings,
        database=database,
        routers=[router(database)],
        subscriptions=subscriptions({sender.queue.channel for sender in senders}, wake),
        timers=[sender.timer for sender in senders],
        resources=senders,
        api=api,
        worker=worker,
    )


def _senders(settings: Settings, database: Database) -> list[Sender]:
    """One sender per channel and lane, so that no run of thousands and no hung provider keeps a single message back."""
    server = settings.smtp_server
    if server is None:
        return []
    links = Links(settings.public_url, TokenKeys.from_setting(settings.token_keys.get_secret_value()))
    single = max(1, settings.smtp_connections // SINGLE_SHARE)
    return [
        Sender(
            database,
            EmailChannel(_email(settings, server, connections)),
            Queue("email", lane, settings.lease_seconds, RetryPolicy(settings.attempt_limit)),
            links,
            connections=connections,
            poll_seconds=settings.poll_milliseconds / 1000,
        )
        for lane, connections in ((Lane.SINGLE, single), (Lane.BULK, settings.smtp_connections - single))
    ]


def _email(settings: Settings, server: SmtpServer, connections: int) -> EmailSettings:
    return EmailSettings(
        server=server,
        sender=settings.sender,
        helo_name=settings.helo_name,
        connections=connections,
        limits=TimeLimits(
            settings.smtp_connect_seconds, settings.smtp_command_seconds, settings.smtp_data_seconds
        ),
        ca_file=settings.smtp_ca_file,
    )

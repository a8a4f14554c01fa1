"""The composition root: everything that the notifier runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from fastapi import FastAPI

from services.notifier.channels.base import Channel
from services.notifier.channels.email import MAILS_PER_SESSION, EmailChannel, EmailSettings
from services.notifier.channels.smtp import TimeLimits
from services.notifier.channels.twilio import TwilioChannel, TwilioSettings, sms_channel, whatsapp_channel
from services.notifier.channels.twilio_hooks import Signatures
from services.notifier.consumers import subscriptions
from services.notifier.domain.retry import RetryPolicy
from services.notifier.http.hooks import STATUS_PATH, Hooks, hooks_router
from services.notifier.http.messages import router
from services.notifier.service.claiming import Links, Queue
from services.notifier.service.outlets import Outlets
from services.notifier.settings import Settings, SmtpServer
from services.notifier.timers.inquiries import Inquiries
from services.notifier.timers.reports import Reports
from services.notifier.timers.sender import Sender
from shared.runtime.background import ParallelClose
from shared.runtime.core import LinkTokenKeys, load_settings
from shared.runtime.database import Database
from shared.runtime.messaging import Lane
from shared.runtime.service import create_service_app

SINGLE_SHARE = 4
_AT_ONCE = {"email": MAILS_PER_SESSION}
Open = Callable[[int], Channel]
"""Makes a channel over so many connections."""


def create_app(settings: Settings | None = None, *, api: bool = True, worker: bool = True) -> FastAPI:
    """The notifier's ASGI app. `worker` consumes commands and sends; `api` answers staff and providers."""
    settings = settings or load_settings(Settings)
    database = Database(settings.database_url, schema="notifier", pool_size=settings.database_pool_size)
    senders = list(_senders(settings, database)) if worker else []
    reports = Reports(
        database, RetryPolicy(settings.attempt_limit), poll_seconds=settings.report_poll_milliseconds / 1000
    )

    inquiries = list(_inquiries(settings, database, reports.timer.wake)) if worker else []

    outlets = Outlets(frozenset(sender.queue.channel for sender in senders), settings.phone_countries)

    return create_service_app(
        "notifier",
        settings,
        database=database,
        routers=[router(database), hooks_router(_hooks(settings, database, reports))],
        subscriptions=subscriptions(outlets, _by_lane(senders)),
        periodic_tasks=[
            *(sender.timer for sender in senders),
            *([reports.timer] if settings.twilio_account_sid else []),
            *(inquiry.timer for inquiry in inquiries),
        ],
        resources=[ParallelClose(senders), *inquiries],
        api=api,
        worker=worker,
    )


def _by_lane(senders: Sequence[Sender]) -> dict[Lane, dict[str, Sender]]:
    return {lane: {one.queue.channel: one for one in senders if one.queue.lane is lane} for lane in Lane}


def _senders(settings: Settings, database: Database) -> Iterator[Sender]:
    """One sender per channel and lane, so that no run of thousands and no hung provider keeps a single message back."""
    links = Links(settings.public_url, LinkTokenKeys.from_setting(settings.token_keys.get_secret_value()))
    for name, open_channel, connections, poll_milliseconds in _channels(settings):
        single = max(1, connections // SINGLE_SHARE)
        for lane, share in ((Lane.SINGLE, single), (Lane.BULK, connections - single)):
            yield Sender(
                database,
                open_channel(share),
                Queue(name, lane, settings.lease_seconds, RetryPolicy(settings.attempt_limit)),
                links,
                connections=share * _AT_ONCE.get(name, 1),
                poll_seconds=poll_milliseconds / 1000,
                texts_per_hour=settings.texts_per_school_hour,
            )


def _channels(settings: Settings) -> Iterator[tuple[str, Open, int, int]]:
    """The channels that are set up: name, how to open it, connections, milliseconds between looks."""
    server = settings.smtp_server
    if server is not None:
        yield (
            "email",
            partial(_email, settings, server),
            settings.smtp_connections,
            settings.poll_milliseconds,
        )
    slow = max(settings.poll_milliseconds, settings.report_poll_milliseconds)
    for name, sender, make in _phones(settings):
        opened = partial(_twilio, settings, sender)
        yield name, partial(_phone, make, opened), settings.twilio_connections, slow


def _inquiries(settings: Settings, database: Database, heard: Callable[[], None]) -> Iterator[Inquiries]:
    for name, sender, make in _phones(settings):
        yield Inquiries(database, name, make(_twilio(settings, sender, 1)), heard)


def _phones(settings: Settings) -> Iterator[tuple[str, str, Callable[[TwilioSettings], TwilioChannel]]]:
    """The channels to phones that are set up: name, who sends, and how to make it."""
    for name, sender, make in (
        ("sms", settings.twilio_sms_from, sms_channel),
        ("whatsapp", settings.twilio_whatsapp_from, whatsapp_channel),
    ):
        if sender:
            yield name, sender, make


def _email(settings: Settings, server: SmtpServer, connections: int) -> EmailChannel:
    return EmailChannel(
        EmailSettings(
            server=server,
            sender=settings.sender,
            helo_name=settings.helo_name,
            connections=connections,
            limits=TimeLimits(
                settings.smtp_connect_seconds, settings.smtp_command_seconds, settings.smtp_data_seconds
            ),
            ca_file=settings.smtp_ca_file,
        )
    )


def _phone(
    make: Callable[[TwilioSettings], TwilioChannel], opened: Callable[[int], TwilioSettings], connections: int
) -> TwilioChannel:
    return make(opened(connections))


def _twilio(settings: Settings, sender: str, connections: int) -> TwilioSettings:
    return TwilioSettings(
        account_sid=settings.twilio_account_sid,
        auth_token=settings.twilio_auth_token.get_secret_value(),
        sender=sender,
        status_url=f"{settings.public_url}{STATUS_PATH}",
        base_url=settings.twilio_base_url,
        connections=connections,
        request_seconds=settings.twilio_request_seconds,
        content_sids=settings.content_sids,
    )


def _hooks(settings: Settings, database: Database, reports: Reports) -> Hooks:
    token = settings.twilio_auth_token.get_secret_value()
    signatures = Signatures(token, settings.public_url) if token else None
    return Hooks(database, signatures, reports.timer.wake)

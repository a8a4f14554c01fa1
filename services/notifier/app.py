"""Composition root: creates everything that the notifier runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from fastapi import FastAPI

from services.notifier.channels.base import Channel
from services.notifier.channels.email.channel import EmailChannel, EmailSettings
from services.notifier.channels.email.smtp_session import TimeLimits
from services.notifier.channels.twilio.client import (
    TwilioChannel,
    TwilioSettings,
    sms_channel,
    whatsapp_channel,
)
from services.notifier.channels.twilio.codes import explain_failure
from services.notifier.channels.twilio.webhooks import SignatureValidator
from services.notifier.consumers import InFlightByChannel, subscriptions
from services.notifier.domain.retry import RetryPolicy
from services.notifier.http import routers
from services.notifier.http.context import Context
from services.notifier.http.webhooks import STATUS_PATH
from services.notifier.schedule import ReportApplier, StatusPoller
from services.notifier.sending.sender import Sender, lingering_limit
from services.notifier.settings import Settings, SmtpServer
from services.notifier.use_cases.channel_policy import ChannelPolicy
from services.notifier.use_cases.claim import Queue
from services.notifier.use_cases.compose_message import MessageComposer
from shared.runtime.background import ParallelClose
from shared.runtime.core import LinkTokenKeys, load_settings
from shared.runtime.database import Database
from shared.runtime.messaging import Lane
from shared.runtime.service import create_service_app

SINGLE_SHARE = 4
"""One connection in so many is reserved for single messages."""
OpenChannel = Callable[[int], Channel]
"""Creates a channel with a number of connections."""


def create_app(settings: Settings | None = None, *, api: bool = True, worker: bool = True) -> FastAPI:
    """Create the ASGI app. `worker` consumes commands and sends; `api` serves staff and the provider's webhooks."""
    settings = settings or load_settings(Settings)
    database = Database(settings.database_url, schema="notifier", pool_size=settings.database_pool_size)
    senders = list(_senders(settings, database)) if worker else []
    reports = ReportApplier(
        database,
        RetryPolicy(settings.attempt_limit),
        explain_failure,
        poll_seconds=settings.report_poll_milliseconds / 1000,
    )
    pollers = list(_status_pollers(settings, database, reports.periodic_task.wake)) if worker else []
    policy = ChannelPolicy(frozenset(sender.queue.channel for sender in senders), settings.phone_countries)
    app = create_service_app(
        "notifier",
        settings,
        database=database,
        routers=routers(),
        subscriptions=subscriptions(policy, _in_flight_by_lane(senders)),
        periodic_tasks=[
            *(sender.periodic_task for sender in senders),
            *([reports.periodic_task] if settings.twilio_account_sid else []),
            *(poller.periodic_task for poller in pollers),
        ],
        resources=[ParallelClose(senders), *pollers],
        api=api,
        worker=worker,
    )
    app.state.context = Context(database, _signatures(settings), reports.periodic_task.wake)
    return app


def _in_flight_by_lane(senders: Sequence[Sender]) -> dict[Lane, InFlightByChannel]:
    return {
        lane: {sender.queue.channel: sender.in_flight for sender in senders if sender.queue.lane is lane}
        for lane in Lane
    }


def _senders(settings: Settings, database: Database) -> Iterator[Sender]:
    """Create a sender per channel and lane, so that no bulk run and no hung provider delays a single message."""
    composer = MessageComposer(
        settings.public_url, LinkTokenKeys.from_setting(settings.token_keys.get_secret_value())
    )
    for name, open_channel, connections, poll_milliseconds in _channels(settings):
        single = max(1, connections // SINGLE_SHARE)
        for lane, share in ((Lane.SINGLE, single), (Lane.BULK, connections - single)):
            yield Sender(
                database,
                open_channel(share + lingering_limit(name, share)),
                Queue(name, lane, settings.lease_seconds, RetryPolicy(settings.attempt_limit)),
                composer,
                connections=share,
                poll_seconds=poll_milliseconds / 1000,
                texts_per_hour=settings.texts_per_school_hour,
            )


def _channels(settings: Settings) -> Iterator[tuple[str, OpenChannel, int, int]]:
    """Yield the channels that are set up: name, constructor, connections, milliseconds between polls."""
    server = settings.smtp_server
    if server is not None:
        yield (
            "email",
            partial(_email_channel, settings, server),
            settings.smtp_connections,
            settings.poll_milliseconds,
        )
    poll_milliseconds = max(settings.poll_milliseconds, settings.report_poll_milliseconds)
    for name, sender, create in _phone_channels(settings):
        open_channel = partial(_twilio_channel, create, settings, sender)
        yield name, open_channel, settings.twilio_connections, poll_milliseconds


def _status_pollers(
    settings: Settings, database: Database, on_saved: Callable[[], None]
) -> Iterator[StatusPoller]:
    for name, sender, create in _phone_channels(settings):
        yield StatusPoller(database, name, _twilio_channel(create, settings, sender, 1), on_saved)


def _phone_channels(
    settings: Settings,
) -> Iterator[tuple[str, str, Callable[[TwilioSettings], TwilioChannel]]]:
    """Yield the channels to phones that are set up: name, sender, constructor."""
    for name, sender, create in (
        ("sms", settings.twilio_sms_from, sms_channel),
        ("whatsapp", settings.twilio_whatsapp_from, whatsapp_channel),
    ):
        if sender:
            yield name, sender, create


def _email_channel(settings: Settings, server: SmtpServer, connections: int) -> EmailChannel:
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


def _twilio_channel(
    create: Callable[[TwilioSettings], TwilioChannel], settings: Settings, sender: str, connections: int
) -> TwilioChannel:
    return create(
        TwilioSettings(
            account_sid=settings.twilio_account_sid,
            auth_token=settings.twilio_auth_token.get_secret_value(),
            sender=sender,
            status_url=f"{settings.public_url}{STATUS_PATH}",
            base_url=settings.twilio_base_url,
            connections=connections,
            request_seconds=settings.twilio_request_seconds,
            content_sids=settings.content_sids,
        )
    )


def _signatures(settings: Settings) -> SignatureValidator | None:
    token = settings.twilio_auth_token.get_secret_value()
    return SignatureValidator(token, settings.public_url) if token else None

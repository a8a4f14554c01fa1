"""SMS and WhatsApp channels: the client of Twilio's API."""

from __future__ import annotations

import asyncio
import json
import logging
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import aiohttp
from twilio.base.exceptions import TwilioException
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from services.notifier.channels.base import (
    OutboundMessage,
    OutcomeUnknown,
    Receipt,
    Refused,
    StatusReport,
    Unavailable,
)
from services.notifier.channels.sanitise import BadAddressError, validate_number
from services.notifier.channels.twilio.codes import REPORT_SECONDS, error_for, error_for_answer
from services.notifier.channels.twilio.sms_text import (
    find_content_sid,
    queue_seconds,
    sms_text,
    template_variables,
)
from services.notifier.channels.twilio.webhooks import parse_report

TWILIO_URL = "https://api.twilio.com"
_UNDELIVERED = ("failed", "undelivered", "canceled")
_LOST = "The provider did not say whether it took the message."
_log = logging.getLogger("twilio.transport")
_log.disabled = True  # the library logs the addresses of recipients there


@dataclass(frozen=True, slots=True)
class TwilioSettings:
    """Account and settings of a channel.

    `sender` is a number in E.164 or a messaging service (MG…); `status_url` is the webhook for delivery reports.
    `content_sids` are approved WhatsApp templates, by `template` or `template/language`. A request ends within
    `request_seconds`, connecting within `connect_seconds`.
    """

    account_sid: str
    auth_token: str = field(repr=False)
    sender: str
    status_url: str
    base_url: str = TWILIO_URL
    connections: int = 8
    connect_seconds: float = 5.0
    request_seconds: float = 10.0
    content_sids: Mapping[str, str] = field(default_factory=dict)


class Transport(AsyncTwilioHttpClient):  # type: ignore[misc]
    """Transport of the library with an effective time limit, the errors of `channels.base`, and a configurable URL.

    The library does not apply its own time limit, so a server that hangs would block a message for ever.
    """

    def __init__(self, settings: TwilioSettings) -> None:
        super().__init__(pool_connections=False, logger=_log)
        self._settings = settings
        self.session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=settings.connections),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=settings.connect_seconds),
        )

    async def request(
        self, method: str, url: str, *, auth: tuple[str, str], headers: dict[str, str], **named: Any
    ) -> Response:
        """Send a request and return the answer. Raises the errors of `channels.base` for everything but success."""
        signed = {**headers, "Authorization": "Basic " + b64encode(":".join(auth).encode()).decode()}
        address = self._settings.base_url + url.removeprefix(TWILIO_URL)
        try:
            async with asyncio.timeout(self._settings.request_seconds):
                answer = await super().request(method, address, headers=signed, **named)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            reason = "The provider cannot be reached."
            raise Unavailable("no_connection", reason, detail=type(error).__name__) from None
        except TimeoutError:
            raise OutcomeUnknown("timeout", _LOST, retry_after_seconds=REPORT_SECONDS) from None
        except (aiohttp.ClientError, OSError) as error:
            raise _outcome_unknown("connection_lost", error) from None
        if answer.status_code >= 400:
            code, detail = _parse_error(answer.text)
            wait_seconds = _parse_seconds(answer.headers.get("Retry-After"))
            raise error_for_answer(answer.status_code, code, detail=detail, retry_after_seconds=wait_seconds)
        return answer


ComposeFields = Callable[[TwilioSettings, OutboundMessage, str], dict[str, str]]
"""Returns the fields of a request for a message to a number."""


class TwilioChannel:
    """Channel over Twilio. The URL for delivery reports contains the message id, so that a lost copy is recognised.

    `transport` is the HTTP transport, from the time the channel is opened.
    """

    transport: Transport

    def __init__(self, settings: TwilioSettings, compose_fields: ComposeFields) -> None:
        self._settings = settings
        self._compose_fields = compose_fields

    async def __aenter__(self) -> Self:
        settings = self._settings
        self.transport = Transport(settings)
        environment = {"": ""}  # the library reads the real environment if this is empty
        self._client = Client(
            settings.account_sid, settings.auth_token, http_client=self.transport, environment=environment
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.transport.close()

    async def send(self, message: OutboundMessage) -> Receipt:
        """Hand the message over to Twilio; see `Channel.send`."""
        try:
            to = validate_number(message.address)
        except BadAddressError:
            raise Refused("bad_address", "The number is not written correctly.") from None
        fields = self._compose_fields(self._settings, message, to)
        status_url = f"{self._settings.status_url}?message_id={message.message_id}"
        try:
            answer = await self._client.messages.create_async(
                status_callback=status_url, validity_period=queue_seconds(message), **fields
            )
        except (TwilioException, ValueError, TypeError, AttributeError) as error:
            raise _outcome_unknown("bad_answer", error) from None
        if answer.status in _UNDELIVERED:
            raise error_for(answer.error_code or 0, detail=str(answer.error_message or ""))
        return Receipt(f"{answer.sid} {answer.status}", provider_id=answer.sid)

    async def fetch_status(self, provider_id: str) -> StatusReport | None:
        """Return the status of a message that Twilio took over; see `StatusChannel.fetch_status`."""
        try:
            answer = await self._client.messages(provider_id).fetch_async()
        except (TwilioException, ValueError, TypeError, AttributeError) as error:
            raise _outcome_unknown("bad_answer", error) from None
        return parse_report(
            {
                "MessageSid": provider_id,
                "MessageStatus": str(answer.status or ""),
                "ErrorCode": str(answer.error_code or ""),
            }
        )


def sms_channel(settings: TwilioSettings) -> TwilioChannel:
    """Return a channel for SMS, which sends the text itself."""
    return TwilioChannel(settings, _sms_fields)


def whatsapp_channel(settings: TwilioSettings) -> TwilioChannel:
    """Return a channel for WhatsApp, which sends approved templates only.

    Free text is allowed only within 24 hours of a message from the recipient.
    """
    return TwilioChannel(settings, _whatsapp_fields)


def _sms_fields(settings: TwilioSettings, message: OutboundMessage, to: str) -> dict[str, str]:
    return {"to": to, "body": sms_text(message), **_sender_fields(settings.sender)}


def _whatsapp_fields(settings: TwilioSettings, message: OutboundMessage, to: str) -> dict[str, str]:
    sid = find_content_sid(settings.content_sids, message)
    if sid is None:
        reason = "No approved WhatsApp template is set up for this message."
        raise Refused("template_missing", reason)
    variables = json.dumps(template_variables(message), ensure_ascii=False)
    sender = settings.sender if settings.sender.startswith("MG") else f"whatsapp:{settings.sender}"
    return {
        "to": f"whatsapp:{to}",
        "content_sid": sid,
        "content_variables": variables,
        **_sender_fields(sender),
    }


def _sender_fields(sender: str) -> dict[str, str]:
    return {"messaging_service_sid": sender} if sender.startswith("MG") else {"from_": sender}


def _outcome_unknown(code: str, error: Exception) -> OutcomeUnknown:
    return OutcomeUnknown(code, _LOST, detail=type(error).__name__, retry_after_seconds=REPORT_SECONDS)


def _parse_error(text: str) -> tuple[int | None, str]:
    """Return Twilio's code and text in the body of an error answer."""
    try:
        body = json.loads(text)
        code = body.get("code")
        return (int(code) if code is not None else None), str(body.get("message") or "")
    except (ValueError, TypeError, AttributeError):
        return None, text[:500]


def _parse_seconds(header: str | None) -> float | None:
    return float(header) if header and header.isascii() and header.isdigit() else None

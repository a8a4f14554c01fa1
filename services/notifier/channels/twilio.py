"""SMS and WhatsApp, by Twilio."""

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

from services.notifier.channels.base import Letter, OutcomeUnknown, Receipt, Refused, Unavailable
from services.notifier.channels.safe import BadAddressError, number
from services.notifier.channels.texts import content_sid, queue_seconds, sms_text, template_values
from services.notifier.channels.twilio_codes import REPORT_SECONDS, answer_error, error_for
from services.notifier.channels.twilio_hooks import CopyReport, read_report

TWILIO_URL = "https://api.twilio.com"
_UNDELIVERED = ("failed", "undelivered", "canceled")
_LOST = "The provider did not say whether it took the message."
_log = logging.getLogger("twilio.transport")
_log.disabled = True  # the library writes addresses of requests there


@dataclass(frozen=True, slots=True)
class TwilioSettings:
    """How Twilio is reached. `sender` is a number in E.164 or a messaging service (MG…); `status_url` takes reports.

    `content_sids` are approved WhatsApp templates, by template or template/language. A request ends within
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
    """The library's transport with a time limit that holds, errors of ours, and an address of our choice.

    The library passes its own time limit nowhere, so that a hung server would hold a message for ever.
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
        """Raises the errors of `channels.base` for everything but a good answer."""
        signed = {**headers, "Authorization": "Basic " + b64encode(":".join(auth).encode()).decode()}
        place = self._settings.base_url + url.removeprefix(TWILIO_URL)
        try:
            async with asyncio.timeout(self._settings.request_seconds):
                answer = await super().request(method, place, headers=signed, **named)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            reason = "The provider cannot be reached."
            raise Unavailable("no_connection", reason, detail=type(error).__name__) from None
        except TimeoutError:
            raise OutcomeUnknown("timeout", _LOST, retry_after_seconds=REPORT_SECONDS) from None
        except (aiohttp.ClientError, OSError) as error:
            raise _lost("connection_lost", error) from None
        if answer.status_code >= 400:
            code, detail = _said(answer.text)
            wait = _seconds(answer.headers.get("Retry-After"))
            raise answer_error(answer.status_code, code, detail=detail, retry_after_seconds=wait)
        return answer


Compose = Callable[[TwilioSettings, Letter, str], dict[str, str]]


class TwilioChannel:
    """Hands letters to Twilio. The address for reports names our message, so that one that got lost is recognised."""

    def __init__(self, settings: TwilioSettings, compose: Compose) -> None:
        self._settings = settings
        self._compose = compose

    async def __aenter__(self) -> Self:
        self._transport = Transport(self._settings)
        settings, nothing = (
            self._settings,
            {"": ""},
        )  # an empty environment makes the library read the real one
        self._client = Client(
            settings.account_sid, settings.auth_token, http_client=self._transport, environment=nothing
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transport.close()

    async def send(self, letter: Letter) -> Receipt:
        """See `Channel.send`."""
        try:
            to = number(letter.address)
        except BadAddressError:
            raise Refused("bad_address", "The number is not written correctly.") from None
        fields = self._compose(self._settings, letter, to)
        report = f"{self._settings.status_url}?message_id={letter.message_id}"
        wait = queue_seconds(letter)
        try:
            taken = await self._client.messages.create_async(
                status_callback=report, validity_period=wait, **fields
            )
        except (TwilioException, ValueError, TypeError, AttributeError) as error:
            raise _lost("bad_answer", error) from None
        if taken.status in _UNDELIVERED:
            raise error_for(taken.error_code or 0, detail=str(taken.error_message or ""))
        return Receipt(f"{taken.sid} {taken.status}", provider_id=taken.sid)

    async def ask(self, provider_id: str) -> CopyReport | None:
        """What became of a message that was taken over; None where the answer says nothing that we know.

        Raises the errors of `channels.base`.
        """
        try:
            found = await self._client.messages(provider_id).fetch_async()
        except (TwilioException, ValueError, TypeError, AttributeError) as error:
            raise _lost("bad_answer", error) from None
        said = {"MessageSid": provider_id, "MessageStatus": str(found.status or "")}
        return read_report({**said, "ErrorCode": str(found.error_code or "")})


def sms_channel(settings: TwilioSettings) -> TwilioChannel:
    """SMS: the text itself."""
    return TwilioChannel(settings, _sms)


def whatsapp_channel(settings: TwilioSettings) -> TwilioChannel:
    """WhatsApp: who has not written to us first gets an approved template and nothing else."""
    return TwilioChannel(settings, _whatsapp)


def _sms(settings: TwilioSettings, letter: Letter, to: str) -> dict[str, str]:
    return {"to": to, "body": sms_text(letter), **_from(settings.sender)}


def _whatsapp(settings: TwilioSettings, letter: Letter, to: str) -> dict[str, str]:
    sid = content_sid(settings.content_sids, letter)
    if sid is None:
        reason = "No approved WhatsApp template is set up for this message."
        raise Refused("template_missing", reason)
    values = json.dumps(template_values(letter), ensure_ascii=False)
    sender = settings.sender if settings.sender.startswith("MG") else f"whatsapp:{settings.sender}"
    return {
        "to": f"whatsapp:{to}",
        "content_sid": sid,
        "content_variables": values,
        **_from(sender),
    }


def _from(sender: str) -> dict[str, str]:
    return {"messaging_service_sid": sender} if sender.startswith("MG") else {"from_": sender}


def _lost(code: str, error: Exception) -> OutcomeUnknown:
    return OutcomeUnknown(code, _LOST, detail=type(error).__name__, retry_after_seconds=REPORT_SECONDS)


def _said(text: str) -> tuple[int | None, str]:
    """Twilio's code and words in the body of a refusal."""
    try:
        body = json.loads(text)
        code = body.get("code")
        return (int(code) if code is not None else None), str(body.get("message") or "")
    except (ValueError, TypeError, AttributeError):
        return None, text[:500]


def _seconds(header: str | None) -> float | None:
    return float(header) if header and header.isascii() and header.isdigit() else None

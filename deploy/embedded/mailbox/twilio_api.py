"""The messages resource of Twilio's API over the mailbox: accepted messages are stored and shown, none is sent."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from hmac import compare_digest
from typing import Any
from urllib.parse import parse_qs, urlsplit

from aiohttp import web

from deploy.embedded.mailbox.reports import Account, Reporter
from deploy.embedded.mailbox.state import RecipientBehaviour, State, TextMessage
from deploy.embedded.mailbox.store import Arrival, Channel, NotStored, Store

HANG_SECONDS = 600.0
RETRY_AFTER_SECONDS = 1
_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
_VARIABLE = re.compile(r"\{\{(\w+)\}\}")
# Default error code of each behaviour; a recipient's behaviour may set another one.
DEFAULT_CODES = {"refuse": 21614, "bounce": 30005, "delay": 30001}
_ERROR_MESSAGES = {
    20003: "Authenticate",
    20404: "The requested resource was not found",
    20429: "Too Many Requests",
    21211: "The 'To' number is not a valid phone number.",
    21602: "Message body is required.",
    21610: "Attempt to send to unsubscribed recipient",
    21614: "'To' number is not a valid mobile number",
    21656: "The Content Variables Parameter is invalid",
}


class Refusal(Exception):
    """Error response with a status from 400 on and an error code of Twilio."""

    def __init__(self, status: int, code: int) -> None:
        super().__init__(code)
        self.status = status
        self.code = code

    def response(self) -> web.Response:
        """Return the JSON response; 429 comes with Retry-After."""
        body = {
            "code": self.code,
            "message": _ERROR_MESSAGES.get(self.code, "Refused"),
            "status": self.status,
        }
        headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if self.status == 429 else {}
        return web.json_response(body, status=self.status, headers=headers)


@dataclass(frozen=True)
class SendRequest:
    """Parsed request to send a message. `is_template`: the body comes from an approved template."""

    channel: Channel
    number: str
    sender: str
    body: str
    report_to: str
    is_template: bool

    @property
    def key(self) -> str | None:
        """Return the sender's id of the message, which is part of the URL for delivery reports."""
        values = parse_qs(urlsplit(self.report_to).query).get("message_id")
        return values[0] if values else None


class TwilioApi:
    """Request handlers. `templates` maps SIDs of approved templates to their texts, with variables such as `{{1}}`."""

    def __init__(
        self, store: Store, state: State, reporter: Reporter, account: Account, templates: Mapping[str, str]
    ) -> None:
        self._store = store
        self._state = state
        self._reporter = reporter
        self._account = account
        self._templates = templates
        self._authorization = (
            "Basic " + b64encode(f"{account.sid}:{account.token}".encode()).decode()
        ).encode()

    def app(self) -> web.Application:
        """Return the aiohttp application."""
        app = web.Application(middlewares=[self._authenticate])
        root = "/2010-04-01/Accounts/{account}"
        app.router.add_post(f"{root}/Messages.json", self._create)
        app.router.add_get(f"{root}/Messages.json", self._list)
        app.router.add_get(f"{root}/Messages/{{sid}}.json", self._fetch)
        return app

    @web.middleware
    async def _authenticate(self, request: web.Request, handler: Any) -> web.StreamResponse:
        try:
            authorization = request.headers.get("Authorization", "").encode()
            if not compare_digest(authorization, self._authorization):
                raise Refusal(401, 20003)
            response: web.StreamResponse = await handler(request)
        except Refusal as refusal:
            return refusal.response()
        return response

    async def _create(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        message = self._parse(form)
        recipient = self._state.consume_behaviour(
            message.number, "refuse", "bounce", "delay", "throttle", "hang", "drop"
        )
        if recipient is not None:
            await self._refuse(recipient)
        if self._state.has_opted_out(message.number, message.channel):
            raise Refusal(400, 21610)
        text = self._accept(message, recipient)
        raw = json.dumps({"sid": text.sid, "from": text.sender, "body": text.body}, ensure_ascii=False)
        arrival = Arrival(message.channel, message.number, raw.encode(), message.key or text.sid)
        try:
            await self._store.add([arrival])
        except NotStored:
            raise Refusal(503, 20503) from None
        self._state.insert_text(text)
        self._reporter.report(text)
        if recipient is not None and recipient.behaviour == "drop" and request.transport is not None:
            request.transport.close()
        return web.json_response(self._to_json(text), status=201)

    async def _refuse(self, recipient: RecipientBehaviour) -> None:
        """Raise Refusal for the behaviours that prevent the acceptance of a message."""
        if recipient.behaviour == "hang":
            await asyncio.sleep(HANG_SECONDS)
            raise Refusal(503, 20503)
        if recipient.behaviour == "throttle":
            raise Refusal(429, 20429)
        if recipient.behaviour == "refuse":
            raise Refusal(400, recipient.code or DEFAULT_CODES["refuse"])

    def _parse(self, form: Mapping[str, str]) -> SendRequest:
        to, sender = form.get("To", ""), form.get("From") or form.get("MessagingServiceSid", "")
        number = to.removeprefix("whatsapp:")
        if not _NUMBER.fullmatch(number):
            raise Refusal(400, 21211)
        channel: Channel = "whatsapp" if to != number else "sms"
        is_template = bool(form.get("ContentSid"))
        body = self._fill_template(form) if is_template else form.get("Body", "")
        if not body:
            raise Refusal(400, 21602)
        return SendRequest(channel, number, sender, body, form.get("StatusCallback", ""), is_template)

    def _fill_template(self, form: Mapping[str, str]) -> str:
        text = self._templates.get(form["ContentSid"])
        if text is None:
            raise Refusal(404, 20404)
        try:
            values = json.loads(form.get("ContentVariables") or "{}")
            return _VARIABLE.sub(lambda match: str(values[match[1]]), text)
        except (ValueError, KeyError, TypeError):
            raise Refusal(400, 21656) from None

    def _accept(self, message: SendRequest, recipient: RecipientBehaviour | None) -> TextMessage:
        """Return the accepted message with its final status.

        WhatsApp delivers only templates to people who have not written first; the rest depends on the recipient.
        """
        ends_as, code = "delivered", None
        if message.channel == "whatsapp" and not message.is_template:
            ends_as, code = "undelivered", 63016
        elif recipient is not None and recipient.behaviour in DEFAULT_CODES:
            ends_as, code = "undelivered", recipient.code or DEFAULT_CODES[recipient.behaviour]
        return TextMessage(
            sid=f"SM{secrets.token_hex(16)}",
            channel=message.channel,
            sender=message.sender,
            number=message.number,
            body=message.body,
            status="queued",
            ends_as=ends_as,
            code=code,
            report_to=message.report_to,
            created_at=time.time(),
        )

    async def _fetch(self, request: web.Request) -> web.Response:
        text = self._state.find_text(request.match_info["sid"])
        if text is None:
            raise Refusal(404, 20404)
        return web.json_response(self._to_json(text))

    async def _list(self, request: web.Request) -> web.Response:
        to = request.query.get("To", "").removeprefix("whatsapp:") or None
        size = request.query.get("PageSize", "50")
        limit = min(int(size), 1000) if size.isascii() and size.isdigit() else 50
        messages = [self._to_json(text) for text in self._state.list_texts(to, limit)]
        uri = f"/2010-04-01/Accounts/{self._account.sid}/Messages.json"
        paging = {"page": 0, "page_size": limit, "uri": uri, "next_page_uri": None}
        return web.json_response({"messages": messages, **paging})

    def _to_json(self, text: TextMessage) -> dict[str, Any]:
        prefix = "whatsapp:" if text.channel == "whatsapp" else ""
        created_at = format_datetime(datetime.fromtimestamp(text.created_at, UTC))
        is_undelivered = text.status == "undelivered"
        return {
            "sid": text.sid,
            "account_sid": self._account.sid,
            "api_version": "2010-04-01",
            "body": text.body,
            "date_created": created_at,
            "date_updated": created_at,
            "date_sent": None if text.status == "queued" else created_at,
            "direction": "outbound-api",
            "error_code": text.code if is_undelivered else None,
            "error_message": _ERROR_MESSAGES.get(text.code or 0) if is_undelivered else None,
            "from": text.sender,
            "messaging_service_sid": None,
            "num_media": "0",
            "num_segments": "1",
            "price": None,
            "price_unit": "USD",
            "status": text.status,
            "to": prefix + text.number,
            "uri": f"/2010-04-01/Accounts/{self._account.sid}/Messages/{text.sid}.json",
        }


@asynccontextmanager
async def twilio_server(api: TwilioApi, *, host: str, port: int) -> AsyncIterator[int]:
    """Run the server and yield the port on which it listens. Port 0 takes a free port.

    Raises OSError if the port is taken.
    """
    # A caller that gives up must not cause a message minutes later, so its handler is cancelled.
    runner = web.AppRunner(api.app(), access_log=None, shutdown_timeout=0.2, handler_cancellation=True)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()

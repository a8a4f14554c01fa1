"""The part of Twilio's API that sends messages, over the mailbox: what it takes is kept and shown, nothing is sent."""

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
from deploy.embedded.mailbox.state import Copy, Play, State
from deploy.embedded.mailbox.store import Arrival, Channel, NotKept, Store

HANG_SECONDS = 600.0
RETRY_AFTER_SECONDS = 1
_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
_VARIABLE = re.compile(r"\{\{(\w+)\}\}")
# The usual code of each behaviour of a phone; a behaviour may name another one.
_CODES = {"refuse": 21614, "bounce": 30005, "delay": 30001}
_WORDS = {
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
    """An answer of 400 or more with a code of Twilio's."""

    def __init__(self, status: int, code: int) -> None:
        super().__init__(code)
        self.status = status
        self.code = code

    def answer(self) -> web.Response:
        body = {"code": self.code, "message": _WORDS.get(self.code, "Refused"), "status": self.status}
        wait = {"Retry-After": str(RETRY_AFTER_SECONDS)} if self.status == 429 else {}
        return web.json_response(body, status=self.status, headers=wait)


@dataclass(frozen=True)
class Draft:
    """A request to send, read."""

    channel: Channel
    number: str
    sender: str
    body: str
    report_to: str
    template: bool

    @property
    def key(self) -> str | None:
        """The sender's own name for the message, which it puts into the address for reports."""
        named = parse_qs(urlsplit(self.report_to).query).get("message_id")
        return named[0] if named else None


class Phones:
    """The handlers. `contents` are approved templates: their sid, and a text with `{{1}}` and so on."""

    def __init__(
        self, store: Store, state: State, reporter: Reporter, account: Account, contents: Mapping[str, str]
    ) -> None:
        self._store = store
        self._state = state
        self._reporter = reporter
        self._account = account
        self._contents = contents
        self._authorization = (
            "Basic " + b64encode(f"{account.sid}:{account.token}".encode()).decode()
        ).encode()

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._guard])
        root = "/2010-04-01/Accounts/{account}"
        app.router.add_post(f"{root}/Messages.json", self._create)
        app.router.add_get(f"{root}/Messages.json", self._list)
        app.router.add_get(f"{root}/Messages/{{sid}}.json", self._fetch)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        try:
            given = request.headers.get("Authorization", "").encode()
            if not compare_digest(given, self._authorization):
                raise Refusal(401, 20003)
            answer: web.StreamResponse = await handler(request)
        except Refusal as refusal:
            return refusal.answer()
        return answer

    async def _create(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        draft = self._read(form)
        play = self._state.take(draft.number, "refuse", "bounce", "delay", "throttle", "hang", "drop")
        if play is not None:
            await self._before(play)
        if self._state.has_stopped(draft.number, draft.channel):
            raise Refusal(400, 21610)
        copy = self._copy(draft, play)
        raw = json.dumps({"sid": copy.sid, "from": copy.sender, "body": copy.body}, ensure_ascii=False)
        try:
            await self._store.add([Arrival(draft.channel, draft.number, raw.encode(), draft.key or copy.sid)])
        except NotKept:
            raise Refusal(503, 20503) from None
        self._state.add(copy)
        self._reporter.report(copy)
        if play is not None and play.behaviour == "drop" and request.transport is not None:
            request.transport.close()
        return web.json_response(self._shown(copy), status=201)

    async def _before(self, play: Play) -> None:
        """What happens before a message is taken over."""
        if play.behaviour == "hang":
            await asyncio.sleep(HANG_SECONDS)
            raise Refusal(503, 20503)
        if play.behaviour == "throttle":
            raise Refusal(429, 20429)
        if play.behaviour == "refuse":
            raise Refusal(400, play.code or _CODES["refuse"])

    def _read(self, form: Mapping[str, str]) -> Draft:
        to, sender = form.get("To", ""), form.get("From") or form.get("MessagingServiceSid", "")
        number = to.removeprefix("whatsapp:")
        if not _NUMBER.fullmatch(number):
            raise Refusal(400, 21211)
        channel: Channel = "whatsapp" if to != number else "sms"
        template = bool(form.get("ContentSid"))
        body = self._filled(form) if template else form.get("Body", "")
        if not body:
            raise Refusal(400, 21602)
        return Draft(channel, number, sender, body, form.get("StatusCallback", ""), template)

    def _filled(self, form: Mapping[str, str]) -> str:
        text = self._contents.get(form["ContentSid"])
        if text is None:
            raise Refusal(404, 20404)
        try:
            values = json.loads(form.get("ContentVariables") or "{}")
            return _VARIABLE.sub(lambda found: str(values[found[1]]), text)
        except (ValueError, KeyError, TypeError):
            raise Refusal(400, 21656) from None

    def _copy(self, draft: Draft, play: Play | None) -> Copy:
        """How it will end: WhatsApp takes nothing but templates from strangers, phones behave as they were told."""
        ends_as, code = "delivered", None
        if draft.channel == "whatsapp" and not draft.template:
            ends_as, code = "undelivered", 63016
        elif play is not None and play.behaviour in _CODES:
            ends_as, code = "undelivered", play.code or _CODES[play.behaviour]
        return Copy(
            sid=f"SM{secrets.token_hex(16)}",
            channel=draft.channel,
            sender=draft.sender,
            number=draft.number,
            body=draft.body,
            status="queued",
            ends_as=ends_as,
            code=code,
            report_to=draft.report_to,
            created_at=time.time(),
        )

    async def _fetch(self, request: web.Request) -> web.Response:
        copy = self._state.copy(request.match_info["sid"])
        if copy is None:
            raise Refusal(404, 20404)
        return web.json_response(self._shown(copy))

    async def _list(self, request: web.Request) -> web.Response:
        to = request.query.get("To", "").removeprefix("whatsapp:") or None
        size = request.query.get("PageSize", "50")
        limit = min(int(size), 1000) if size.isascii() and size.isdigit() else 50
        found = [self._shown(copy) for copy in self._state.copies(to, limit)]
        place = f"/2010-04-01/Accounts/{self._account.sid}/Messages.json"
        paging = {"page": 0, "page_size": limit, "uri": place, "next_page_uri": None}
        return web.json_response({"messages": found, **paging})

    def _shown(self, copy: Copy) -> dict[str, Any]:
        prefix = "whatsapp:" if copy.channel == "whatsapp" else ""
        made = format_datetime(datetime.fromtimestamp(copy.created_at, UTC))
        failed = copy.status == "undelivered"
        return {
            "sid": copy.sid,
            "account_sid": self._account.sid,
            "api_version": "2010-04-01",
            "body": copy.body,
            "date_created": made,
            "date_updated": made,
            "date_sent": None if copy.status == "queued" else made,
            "direction": "outbound-api",
            "error_code": copy.code if failed else None,
            "error_message": _WORDS.get(copy.code or 0) if failed else None,
            "from": copy.sender,
            "messaging_service_sid": None,
            "num_media": "0",
            "num_segments": "1",
            "price": None,
            "price_unit": "USD",
            "status": copy.status,
            "to": prefix + copy.number,
            "uri": f"/2010-04-01/Accounts/{self._account.sid}/Messages/{copy.sid}.json",
        }


@asynccontextmanager
async def phone_server(phones: Phones, *, host: str, port: int) -> AsyncIterator[int]:
    """Yields the port it listens on (`port` 0 takes a free one). Raises OSError when the port is taken."""
    # Who gives up on a call takes it back: it must not send a message minutes later.
    runner = web.AppRunner(phones.app(), access_log=None, shutdown_timeout=0.2, handler_cancellation=True)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()

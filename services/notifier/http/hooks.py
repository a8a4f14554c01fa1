"""What Twilio calls: reports about messages, and replies of people. Answered at once; the work is a timer's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl
from uuid import UUID

from fastapi import APIRouter, Request, Response
from starlette.datastructures import ImmutableMultiDict

from services.notifier.channels.twilio_hooks import Form, Signatures, Wants, read_reply, read_report
from services.notifier.service.reporting import keep_report
from services.notifier.service.suppressing import is_news, start, stop
from shared.runtime.database import Database
from shared.runtime.web import Problem

STATUS_PATH = "/notifier/hooks/twilio/status"
INBOUND_PATH = "/notifier/hooks/twilio/inbound"
MOST_FIELDS = 200
_NOTHING_TO_SAY = '<?xml version="1.0" encoding="UTF-8"?><Response/>'


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the routes need. `signatures` None: Twilio is not set up here. `heard` wakes whoever does the work."""

    database: Database
    signatures: Signatures | None
    heard: Callable[[], None]

    async def form(self, request: Request) -> Form:
        """The fields, once it is certain who sent them. Raises Problem 403 or 404."""
        if self.signatures is None:
            raise Problem(404, "not_configured", "Twilio is not set up in this installation.")
        form = _fields(await request.body())
        path, query = request.scope["path"], request.url.query
        signature = request.headers.get("X-Twilio-Signature", "")
        if not self.signatures.genuine(path, query, form, signature):
            raise Problem(403, "bad_signature", "This request was not signed with the token of our account.")
        return form


def hooks_router(hooks: Hooks) -> APIRouter:
    """The routes that Twilio calls."""
    routes = APIRouter(tags=["hooks"])

    @routes.post(STATUS_PATH, status_code=204, summary="A report about a message")
    async def status(request: Request, message_id: str = "") -> Response:
        """Signed by Twilio. Late, repeated and unknown ones are accepted and change nothing."""
        report = read_report(await hooks.form(request))
        about = _uuid(message_id)
        if report is not None and about is not None:
            async with hooks.database.transaction(schools=()) as tx:
                await keep_report(tx, report.provider_id, about, report.word, report.code)
            hooks.heard()
        return Response(status_code=204)

    @routes.post(INBOUND_PATH, summary="A reply of a person")
    async def inbound(request: Request) -> Response:
        """Signed by Twilio. STOP ends all messages to the number on that channel at once, START lets them through.

        A reply that was heard before has no second effect.
        """
        reply = read_reply(await hooks.form(request))
        if reply is not None and reply.wants is not Wants.OTHER:
            async with hooks.database.transaction(schools=()) as tx:
                if await is_news(tx, reply.reply_id):
                    await (stop if reply.wants is Wants.STOP else start)(tx, reply.channel, reply.address)
            hooks.heard()
        return Response(_NOTHING_TO_SAY, media_type="text/xml")

    return routes


def _fields(body: bytes) -> Form:
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise Problem(400, "not_a_form", "Send the fields as a form.") from None
    return ImmutableMultiDict(pairs)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None

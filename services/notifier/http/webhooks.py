"""Webhooks of Twilio: delivery reports, and replies of people. They only save; a periodic task does the work."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import parse_qsl
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from starlette.datastructures import ImmutableMultiDict

from services.notifier.channels.twilio.webhooks import Form, Intent, parse_reply, parse_report
from services.notifier.http.context import ContextDependency
from services.notifier.use_cases.delivery_reports import save_report
from services.notifier.use_cases.opt_outs import opt_in, opt_out
from shared.runtime.web import Problem

STATUS_PATH = "/notifier/hooks/twilio/status"
INBOUND_PATH = "/notifier/hooks/twilio/inbound"
MAX_FIELDS = 200
_EMPTY_ANSWER = '<?xml version="1.0" encoding="UTF-8"?><Response/>'
router = APIRouter(tags=["hooks"])


async def get_signed_form(request: Request, context: ContextDependency) -> Form:
    """Return the fields of a request that Twilio has signed.

    Raises Problem 404 where Twilio is not set up, 403 for a wrong signature, 400 for a body that is no form.
    """
    if context.signatures is None:
        raise Problem(404, "not_configured", "Twilio is not set up in this installation.")
    form = _parse_fields(await request.body())
    path, query = request.scope["path"], request.url.query
    signature = request.headers.get("X-Twilio-Signature", "")
    if not context.signatures.is_genuine(path, query, form, signature):
        raise Problem(403, "bad_signature", "This request was not signed with the token of our account.")
    return form


SignedForm = Annotated[Form, Depends(get_signed_form)]


@router.post(STATUS_PATH, status_code=204, summary="A report about a message")
async def status(context: ContextDependency, form: SignedForm, message_id: str = "") -> Response:
    """Save a delivery report, signed by Twilio. Late, repeated and unknown reports are accepted and change nothing."""
    report = parse_report(form)
    reported_id = _parse_uuid(message_id)
    if report is not None and reported_id is not None:
        async with context.database.transaction(schools=()) as tx:
            await save_report(tx, report.provider_id, reported_id, report.status, report.code)
        context.on_report()
    return Response(status_code=204)


@router.post(INBOUND_PATH, summary="A reply of a person")
async def inbound(context: ContextDependency, form: SignedForm) -> Response:
    """Process a reply, signed by Twilio.

    STOP ends all messages to the number on that channel at once, START allows them. A repeated reply has no second
    effect.
    """
    reply = parse_reply(form)
    if reply is not None and reply.intent is not Intent.OTHER:
        use_case = opt_out if reply.intent is Intent.STOP else opt_in
        async with context.database.transaction(schools=()) as tx:
            await use_case(tx, reply.reply_id, reply.channel, reply.address)
        context.on_report()
    return Response(_EMPTY_ANSWER, media_type="text/xml")


def _parse_fields(body: bytes) -> Form:
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        raise Problem(400, "not_a_form", "Send the fields as a form.") from None
    return ImmutableMultiDict(pairs)


def _parse_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None

"""The mailbox over HTTP: pages for people and a JSON API for programs, both without a sign-in."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, Query, Request
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates
from pydantic import BaseModel

from deploy.embedded.mailbox.behaviours import add_behaviour_routes
from deploy.embedded.mailbox.parsing import parse_message
from deploy.embedded.mailbox.reports import Reporter
from deploy.embedded.mailbox.state import State
from deploy.embedded.mailbox.store import Channel, Store, StoredMessage
from shared.runtime.web import Problem
from shared.runtime.web.problem_details import install_problem_handlers

DEFAULT_LIMIT = 50
MAX_LIMIT = 1000
MAX_ID = 2**63 - 1
_PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_templates = Jinja2Templates(Path(__file__).parent / "templates")


class Message(BaseModel):
    """One message to one recipient.

    `copies` counts how often it was accepted. `links` holds the links of both bodies. `status` is the provider's
    latest status of a text message (such as `delivered` or `undelivered`), null for e-mail; `error_code` is the
    provider's reason for `undelivered`.
    """

    id: str
    channel: Channel
    to: str
    subject: str
    text: str
    html: str
    links: list[str]
    code: str | None
    copies: int
    received_at: datetime
    status: str | None = None
    error_code: int | None = None


class MessageList(BaseModel):
    """A page of messages, newest first. `next` is the cursor of the next, older page; null on the last page."""

    items: list[Message]
    next: str | None


@dataclass(frozen=True)
class MessageReader:
    """Reads stored messages together with the delivery state of text messages."""

    store: Store
    state: State

    async def read_page(
        self, to: str | None, channel: Channel | None, cursor: str | None, limit: int
    ) -> MessageList:
        """Return at most `limit` messages. Raises Problem 400 for an invalid cursor."""
        before = _decode_cursor(cursor) if cursor is not None else None
        # No address contains a space, so a space comes from a "+" that the caller did not encode.
        address = to.replace(" ", "+") if to is not None else None
        rows = await self.store.list_newest(to=address, channel=channel, before=before, limit=limit + 1)
        next_cursor = _encode_cursor(rows[limit - 1].id) if len(rows) > limit else None
        return MessageList(items=[self._to_message(row) for row in rows[:limit]], next=next_cursor)

    async def get(self, message_id: str) -> Message:
        """Return a message. Raises Problem 404."""
        is_valid = message_id.isascii() and message_id.isdigit() and len(message_id) < 19
        row = await self.store.find(int(message_id) if is_valid else 0)
        if row is None:
            raise Problem(404, "not_found", "There is no such message in the mailbox.")
        return self._to_message(row)

    def _to_message(self, row: StoredMessage) -> Message:
        content = parse_message(row)
        text_message = self.state.find_newest_text(content.sid) if content.sid else None
        return Message(
            id=str(row.id),
            channel=row.channel,  # type: ignore[arg-type]
            to=row.recipient,
            subject=content.subject,
            text=content.text,
            html=content.html,
            links=list(content.links),
            code=content.code,
            copies=row.arrival_count,
            received_at=datetime.fromtimestamp(row.received_at_ms / 1000, UTC),
            status=text_message.status if text_message else None,
            error_code=(text_message.code if text_message and text_message.status == "undelivered" else None),
        )


To = Annotated[str | None, Query(description="the recipient's address, in any letter case")]
Cursor = Annotated[str | None, Query(description="`next` of the page before")]


def create_app(store: Store, state: State, reporter: Reporter) -> FastAPI:
    """Return the app with the message list, single messages and the routes of `behaviours`."""
    app = FastAPI(
        title="Kinvite mailbox",
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    install_problem_handlers(app)
    reader = MessageReader(store, state)
    _add_json_routes(app, reader)
    _add_pages(app, reader)
    add_behaviour_routes(app, state, reporter, _templates, _PAGE_HEADERS)
    return app


def _add_json_routes(app: FastAPI, reader: MessageReader) -> None:
    @app.get("/mailbox/v1/messages")
    async def list_messages(
        to: To = None,
        channel: Channel | None = None,
        cursor: Cursor = None,
        limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
    ) -> MessageList:
        return await reader.read_page(to, channel, cursor, limit)

    @app.get("/mailbox/v1/messages/{message_id}")
    async def get_message(message_id: str) -> Message:
        return await reader.get(message_id)


def _add_pages(app: FastAPI, reader: MessageReader) -> None:
    @app.get("/mailbox", response_class=HTMLResponse)
    @app.get("/mailbox/", response_class=HTMLResponse, include_in_schema=False)
    async def show_list(request: Request, to: To = None, cursor: Cursor = None) -> HTMLResponse:
        page = await reader.read_page(to or None, None, cursor, DEFAULT_LIMIT)
        context = {"messages": page.items, "next": page.next, "to": to or "", "first": cursor is None}
        return _templates.TemplateResponse(request, "list.html", context, headers=_PAGE_HEADERS)

    @app.get("/mailbox/messages/{message_id}", response_class=HTMLResponse)
    async def show_message(request: Request, message_id: str) -> HTMLResponse:
        message = await reader.get(message_id)
        return _templates.TemplateResponse(
            request, "message.html", {"message": message}, headers=_PAGE_HEADERS
        )


def _encode_cursor(message_id: int) -> str:
    return base64.urlsafe_b64encode(f"before:{message_id}".encode()).decode().rstrip("=")


def _decode_cursor(cursor: str) -> int:
    try:
        prefix, _, number = (
            base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True).decode().partition(":")
        )
        if prefix == "before" and number.isascii() and number.isdigit() and int(number) <= MAX_ID:
            return int(number)
    except (binascii.Error, ValueError):
        pass
    raise Problem(400, "invalid_cursor", "This is not a cursor that this list gave out.", field="cursor")

"""The mailbox over HTTP: a page for people, a JSON list for programs. It has no sign-in: it belongs to this machine."""

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

from deploy.embedded.mailbox.parse import content_of
from deploy.embedded.mailbox.play import add_play
from deploy.embedded.mailbox.reports import Reporter
from deploy.embedded.mailbox.state import State
from deploy.embedded.mailbox.store import Channel, Kept, Store
from shared.runtime.web import Problem, problem_details

DEFAULT_LIMIT = 50
LARGEST_LIMIT = 1000
LARGEST_ID = 2**63 - 1
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
    """One message for one recipient. `copies` counts how often it was taken over; `links` come from both bodies.

    `status` is the provider's last word on a text (`delivered`, `undelivered`, …), null for a mail; `error_code` says
    why it was not delivered.
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
    """Newest first. `next` is the cursor of the following, older page, or null on the last one."""

    items: list[Message]
    next: str | None


@dataclass(frozen=True)
class Shelf:
    """What the routes read from: the messages, and what became of those that went to phones."""

    store: Store
    state: State

    async def page(
        self, to: str | None, channel: Channel | None, cursor: str | None, limit: int
    ) -> MessageList:
        before = _decode_cursor(cursor) if cursor is not None else None
        # No address has a blank: one that arrives was a "+" that the caller did not encode.
        address = to.replace(" ", "+") if to is not None else None
        found = await self.store.newest(to=address, channel=channel, before=before, limit=limit + 1)
        following = _encode_cursor(found[limit - 1].id) if len(found) > limit else None
        return MessageList(items=[self._message(kept) for kept in found[:limit]], next=following)

    async def get(self, message_id: str) -> Message:
        known = message_id.isascii() and message_id.isdigit() and len(message_id) < 19
        kept = await self.store.find(int(message_id) if known else 0)
        if kept is None:
            raise Problem(404, "not_found", "There is no such message in the mailbox.")
        return self._message(kept)

    def _message(self, kept: Kept) -> Message:
        content = content_of(kept)
        copy = self.state.standing(content.sid) if content.sid else None
        return Message(
            id=str(kept.id),
            channel=kept.channel,  # type: ignore[arg-type]
            to=kept.recipient,
            subject=content.subject,
            text=content.text,
            html=content.html,
            links=list(content.links),
            code=content.code,
            copies=kept.copies,
            received_at=datetime.fromtimestamp(kept.received_at_ms / 1000, UTC),
            status=copy.status if copy else None,
            error_code=copy.code if copy and copy.status == "undelivered" else None,
        )


To = Annotated[str | None, Query(description="the recipient's address, in any letter case")]
Cursor = Annotated[str | None, Query(description="`next` of the page before")]


def create_app(store: Store, state: State, reporter: Reporter) -> FastAPI:
    app = FastAPI(title="Kinvite mailbox", version="1", docs_url=None, redoc_url=None, openapi_url=None)
    problem_details.install_problem_handlers(app)
    shelf = Shelf(store, state)
    _add_json_routes(app, shelf)
    _add_pages(app, shelf)
    add_play(app, state, reporter, _templates, _PAGE_HEADERS)
    return app


def _add_json_routes(app: FastAPI, shelf: Shelf) -> None:
    @app.get("/mailbox/v1/messages")
    async def list_messages(
        to: To = None,
        channel: Channel | None = None,
        cursor: Cursor = None,
        limit: Annotated[int, Query(ge=1, le=LARGEST_LIMIT)] = DEFAULT_LIMIT,
    ) -> MessageList:
        return await shelf.page(to, channel, cursor, limit)

    @app.get("/mailbox/v1/messages/{message_id}")
    async def get_message(message_id: str) -> Message:
        return await shelf.get(message_id)


def _add_pages(app: FastAPI, shelf: Shelf) -> None:
    @app.get("/mailbox", response_class=HTMLResponse)
    @app.get("/mailbox/", response_class=HTMLResponse, include_in_schema=False)
    async def show_list(request: Request, to: To = None, cursor: Cursor = None) -> HTMLResponse:
        page = await shelf.page(to or None, None, cursor, DEFAULT_LIMIT)
        context = {"messages": page.items, "next": page.next, "to": to or "", "first": cursor is None}
        return _templates.TemplateResponse(request, "list.html", context, headers=_PAGE_HEADERS)

    @app.get("/mailbox/messages/{message_id}", response_class=HTMLResponse)
    async def show_message(request: Request, message_id: str) -> HTMLResponse:
        message = await shelf.get(message_id)
        return _templates.TemplateResponse(
            request, "message.html", {"message": message}, headers=_PAGE_HEADERS
        )


def _encode_cursor(message_id: int) -> str:
    return base64.urlsafe_b64encode(f"before:{message_id}".encode()).decode().rstrip("=")


def _decode_cursor(cursor: str) -> int:
    try:
        word, _, number = (
            base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True).decode().partition(":")
        )
        if word == "before" and number.isascii() and number.isdigit() and int(number) <= LARGEST_ID:
            return int(number)
    except (binascii.Error, ValueError):
        pass
    raise Problem(400, "invalid_cursor", "This is not a cursor that this list gave out.", field="cursor")

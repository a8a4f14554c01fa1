"""What became of every message, for staff."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel

from services.notifier.views import messages_page
from shared.runtime.database import Database
from shared.runtime.web import DEFAULT_LIMIT, MAX_LIMIT, Problem, ReadNotifier, decode_cursor, page_body


class Recipient(BaseModel):
    """Where the message goes."""

    address: str
    name: str


class Attempt(BaseModel):
    """One attempt. `detail` is what the provider said."""

    number: int
    began_at: datetime | None
    ended_at: datetime
    verdict: Literal["sent", "refused", "try_later", "unavailable", "unknown", "interrupted"]
    code: str
    detail: str


class MessageItem(BaseModel):
    """One message and what became of it. `reason` is a sentence for staff, empty while there is nothing to say."""

    message_id: UUID
    parent_id: UUID
    invitation_id: UUID
    generation: int
    channel: Literal["email", "sms", "whatsapp"]
    template: Literal["verify", "invite", "verify_reminder", "invite_reminder"]
    state: Literal[
        "queued", "sending", "failed_temporary", "sent", "delivered", "failed_permanent", "unknown"
    ]
    code: str
    reason: str
    recipient: Recipient
    language: str
    queued_at: datetime
    next_attempt_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime
    attempts: list[Attempt]


class MessagePage(BaseModel):
    """A page of messages, newest first."""

    items: list[MessageItem]
    next: str | None


def router(database: Database) -> APIRouter:
    """The notifier's routes."""
    routes = APIRouter(prefix="/notifier/v1", tags=["messages"])

    @routes.get("/schools/{school_id}/messages", response_model=MessagePage)
    async def messages(
        school_id: UUID,
        _: ReadNotifier,
        parent_id: UUID | None = None,
        cursor: Annotated[str | None, Query(max_length=500)] = None,
        limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
    ) -> dict[str, Any]:
        """What was sent to the parents of a school, what failed and why, newest first."""
        after = _position(cursor) if cursor is not None else None
        async with database.transaction(schools=[school_id]) as tx:
            items, following = await messages_page(
                tx, school_id, parent_id=parent_id, after=after, limit=limit
            )
        return page_body(items, following)

    return routes


def _position(cursor: str) -> tuple[datetime, UUID]:
    moment, message_id = decode_cursor(cursor, str, str)
    try:
        at = datetime.fromisoformat(moment)
        if at.tzinfo is None:
            raise ValueError(moment)
        return at, UUID(message_id)
    except ValueError:
        raise Problem(
            400, "bad_cursor", "Use the cursor that the previous page gave as `next`.", field="cursor"
        ) from None

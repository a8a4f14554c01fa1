"""Messages of a school and what became of them, for staff."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query

from services.notifier.http.context import ContextDependency
from services.notifier.http.schemas import MessagePage
from services.notifier.views import list_messages
from shared.runtime.web import DEFAULT_LIMIT, MAX_LIMIT, Problem, ReadNotifier, decode_cursor, page_body

router = APIRouter(prefix="/notifier/v1", tags=["messages"])


@router.get("/schools/{school_id}/messages", response_model=MessagePage)
async def messages(
    context: ContextDependency,
    school_id: UUID,
    _: ReadNotifier,
    parent_id: UUID | None = None,
    cursor: Annotated[str | None, Query(max_length=500)] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
) -> dict[str, Any]:
    """List the messages to the parents of a school, newest first, with their attempts and the reasons of failures."""
    after = _decode_position(cursor) if cursor is not None else None
    async with context.database.transaction(schools=[school_id]) as tx:
        items, next_cursor = await list_messages(tx, school_id, parent_id=parent_id, after=after, limit=limit)
    return page_body(items, next_cursor)


def _decode_position(cursor: str) -> tuple[datetime, UUID]:
    """Return the position of a cursor. Raises Problem 400 for a cursor that no page returned."""
    moment, message_id = decode_cursor(cursor, str, str)
    try:
        queued_at = datetime.fromisoformat(moment)
        if queued_at.tzinfo is None:
            raise ValueError(moment)
        return queued_at, UUID(message_id)
    except ValueError:
        raise Problem(
            400, "bad_cursor", "Use the cursor that the previous page gave as `next`.", field="cursor"
        ) from None

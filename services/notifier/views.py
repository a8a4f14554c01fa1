"""Read-only queries of messages and attempts for staff. No row holds a link, so none can be shown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from shared.runtime.database import Transaction
from shared.runtime.web import encode_cursor

_PAGE = text(
    """
    SELECT message_id, parent_id, invitation_id, generation, channel, template, state, code, reason, address, name,
           language, queued_at, due_at, locked_until, finished_at, expires_at
      FROM messages
     WHERE school_id = :school_id
       AND (CAST(:parent_id AS uuid) IS NULL OR parent_id = CAST(:parent_id AS uuid))
       AND (CAST(:before AS timestamptz) IS NULL
            OR (queued_at, message_id) < (CAST(:before AS timestamptz), CAST(:before_id AS uuid)))
     ORDER BY queued_at DESC, message_id DESC
     LIMIT :limit
    """
)
_ATTEMPTS = text(
    """
    SELECT message_id, number, began_at, ended_at, verdict, code, detail FROM attempts
     WHERE message_id = ANY(CAST(:ids AS uuid[]))
    UNION ALL
    SELECT message_id, fence, began_at, finished_at, 'sent', '', answer FROM messages AS m
     WHERE message_id = ANY(CAST(:ids AS uuid[])) AND answer IS NOT NULL
       AND NOT EXISTS (SELECT FROM attempts AS a WHERE a.message_id = m.message_id AND a.number = m.fence)
     ORDER BY message_id, number
    """
)


async def list_messages(
    tx: Transaction,
    school_id: UUID,
    *,
    parent_id: UUID | None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> tuple[list[dict[str, Any]], str | None]:
    """List the messages of a school, newest first, with their attempts; return the items and the next page's cursor.

    `after` is the position (`queued_at`, `message_id`) of the last message of the page before.
    """
    before, before_id = after or (None, None)
    result = await tx.execute(
        _PAGE,
        {
            "school_id": school_id,
            "parent_id": parent_id,
            "before": before,
            "before_id": before_id,
            "limit": limit + 1,
        },
    )
    rows = list(result.mappings())
    shown, has_more = rows[:limit], len(rows) > limit
    attempts = await list_attempts(tx, [row["message_id"] for row in shown])
    items = [_item({**row}, attempts[row["message_id"]]) for row in shown]
    last = shown[-1] if shown else None
    return items, encode_cursor(
        last["queued_at"].isoformat(), str(last["message_id"])
    ) if has_more and last else None


async def list_attempts(tx: Transaction, message_ids: Sequence[UUID]) -> dict[UUID, list[dict[str, Any]]]:
    """List the attempts of each message, in order.

    The last attempt for an e-mail message that was sent is stored in the row of the message itself.
    """
    attempts: dict[UUID, list[dict[str, Any]]] = {message_id: [] for message_id in message_ids}
    for attempt in (await tx.execute(_ATTEMPTS, {"ids": list(attempts)})).mappings():
        attempts[attempt["message_id"]].append({**attempt})
    return attempts


def _item(row: dict[str, Any], attempts: list[dict[str, Any]]) -> dict[str, Any]:
    recipient = {"address": row.pop("address"), "name": row.pop("name")}
    due_at, locked_until = row.pop("due_at"), row.pop("locked_until")
    next_attempt_at = due_at if locked_until is None else None
    return {**row, "recipient": recipient, "next_attempt_at": next_attempt_at, "attempts": attempts}

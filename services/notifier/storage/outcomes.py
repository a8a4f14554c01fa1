"""How messages leave a sender's hands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from services.notifier.domain.messages import Change, Claim
from services.notifier.domain.reports import ASK_AFTER_SECONDS
from shared.runtime.database import BatchStatement, Transaction

# Most outcomes differ in the first two only.
_COLUMNS = {
    "message_id": "uuid",
    "answer": "text",
    "fence": "integer",
    "state": "text",
    "due_at": "timestamptz",
    "attempts": "integer",
    "ambiguous": "integer",
    "code": "text",
    "reason": "text",
    "told": "boolean",
    "provider_id": "text",
}
_SAME = [*_COLUMNS][2:]
_SET = """
       SET state = r.state, due_at = r.due_at, locked_until = NULL, attempts = r.attempts, ambiguous = r.ambiguous,
           code = r.code, reason = r.reason, answer = r.answer,
           announced = r.state <> 'sent' AND (m.announced OR r.told AND r.state = 'failed_temporary'),
           version = m.version + CAST(r.told AS integer), provider_id = coalesce(r.provider_id, m.provider_id),
           finished_at = CASE WHEN r.due_at IS NULL THEN now() END, asked = 0,
           ask_at = CASE WHEN r.state = 'sent' AND coalesce(r.provider_id, m.provider_id) IS NOT NULL
                         THEN now() + make_interval(secs => :ask_seconds) END
"""
# No order of locks: nobody but the holder of the fence waits for one of these rows with others in hand.
_SETTLE_HELD = BatchStatement(
    f"""
    UPDATE messages AS m {_SET}
      FROM {{rows}}
     WHERE m.message_id = r.message_id AND m.fence = r.fence AND m.state = 'sending'
    RETURNING m.message_id, m.version
    """,
    _COLUMNS,
)
_SETTLE_RESTING = BatchStatement(
    f"""
    WITH outcome AS (SELECT * FROM {{rows}}), resting AS (
        SELECT message_id FROM messages AS m JOIN outcome USING (message_id)
         WHERE m.state <> 'sending'
         ORDER BY message_id FOR UPDATE OF m
    )
    UPDATE messages AS m {_SET}
      FROM outcome AS r JOIN resting USING (message_id)
     WHERE m.message_id = r.message_id
    RETURNING m.message_id, m.version
    """,
    _COLUMNS,
)


async def settle(
    tx: Transaction,
    changes: Sequence[tuple[Claim, Change]],
    *,
    in_hand: bool,
    answers: Mapping[UUID, str] | None = None,
) -> dict[UUID, int]:
    """Save changes of messages; answers their versions.

    `in_hand`: only those that are still held under the same claim; else only those that nobody is sending, locked in
    id order. `answers`: what the server said, of messages whose last attempt has no row of its own.
    """
    known = answers or {}
    columns: dict[str, list[Any]] = {
        "message_id": [claim.message.message_id for claim, _ in changes],
        "answer": [known.get(claim.message.message_id) for claim, _ in changes],
        "fence": [claim.fence for claim, _ in changes],
        "state": [change.state.value for _, change in changes],
        "due_at": [change.due_at for _, change in changes],
        "attempts": [change.attempts for _, change in changes],
        "ambiguous": [change.ambiguous for _, change in changes],
        "code": [change.code for _, change in changes],
        "reason": [change.reason for _, change in changes],
        "told": [change.announce is not None for _, change in changes],
        "provider_id": [change.provider_id for _, change in changes],
    }
    statement = _SETTLE_HELD if in_hand else _SETTLE_RESTING
    rows = await tx.rows(*statement.bind_columns(columns, ask_seconds=ASK_AFTER_SECONDS[0]))
    return {row.message_id: row.version for row in rows}

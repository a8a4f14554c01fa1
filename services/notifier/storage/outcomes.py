"""How messages leave a sender's hands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import text

from services.notifier.domain.messages import Change, Claim
from services.notifier.domain.reports import ASK_AFTER_SECONDS
from shared.runtime.database import Transaction

_OUTCOME = """
    WITH outcome AS (
        SELECT * FROM unnest(
            CAST(:ids AS uuid[]), CAST(:fences AS integer[]), CAST(:states AS text[]), CAST(:due AS timestamptz[]),
            CAST(:attempts AS integer[]), CAST(:ambiguous AS integer[]), CAST(:codes AS text[]),
            CAST(:reasons AS text[]), CAST(:told AS boolean[]), CAST(:provider_ids AS text[]),
            CAST(:answers AS text[]))
        AS o (message_id, fence, state, due_at, attempts, ambiguous, code, reason, told, provider_id, answer)
    )
"""
_UPDATE = """
    UPDATE messages AS m
       SET state = o.state, due_at = o.due_at, locked_until = NULL, attempts = o.attempts, ambiguous = o.ambiguous,
           code = o.code, reason = o.reason, answer = o.answer,
           announced = o.state <> 'sent' AND (m.announced OR o.told AND o.state = 'failed_temporary'),
           version = m.version + CAST(o.told AS integer), provider_id = coalesce(o.provider_id, m.provider_id),
           finished_at = CASE WHEN o.due_at IS NULL THEN now() END, asked = 0,
           ask_at = CASE WHEN o.state = 'sent' AND coalesce(o.provider_id, m.provider_id) IS NOT NULL
                         THEN now() + make_interval(secs => :ask_seconds) END
"""
# No order of locks: nobody but the holder of the fence waits for one of these rows with others in hand.
_SETTLE_HELD = text(
    _OUTCOME
    + _UPDATE
    + """
      FROM outcome AS o
     WHERE m.message_id = o.message_id AND m.fence = o.fence AND m.state = 'sending'
    RETURNING m.message_id, m.version
    """
)
_SETTLE_RESTING = text(
    _OUTCOME
    + """
    , resting AS (
        SELECT message_id FROM messages AS m JOIN outcome AS o USING (message_id)
         WHERE m.state <> 'sending'
         ORDER BY message_id FOR UPDATE OF m
    )
    """
    + _UPDATE
    + """
      FROM outcome AS o JOIN resting USING (message_id)
     WHERE m.message_id = o.message_id
    RETURNING m.message_id, m.version
    """
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
    parameters = {
        "ids": [claim.message.message_id for claim, _ in changes],
        "fences": [claim.fence for claim, _ in changes],
        "states": [change.state.value for _, change in changes],
        "due": [change.due_at for _, change in changes],
        "attempts": [change.attempts for _, change in changes],
        "ambiguous": [change.ambiguous for _, change in changes],
        "codes": [change.code for _, change in changes],
        "reasons": [change.reason for _, change in changes],
        "told": [change.announce is not None for _, change in changes],
        "provider_ids": [change.provider_id for _, change in changes],
        "answers": [known.get(claim.message.message_id) for claim, _ in changes],
        "ask_seconds": ASK_AFTER_SECONDS[0],
    }
    statement = _SETTLE_HELD if in_hand else _SETTLE_RESTING
    return {row.message_id: row.version for row in await tx.rows(statement, parameters)}

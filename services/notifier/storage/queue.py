"""The queue: rows go in, are claimed under a lease, and leave with an outcome."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from services.notifier.domain.messages import Change, Claim, Message, Recipient
from services.notifier.domain.reports import ASK_AFTER_SECONDS
from shared.runtime.database import Transaction

_INSERT = text(
    """
    INSERT INTO messages (message_id, school_id, parent_id, invitation_id, generation, channel, lane, template,
                          address, name, language, school_name, timezone, token_key_id, expires_at, quiet_from,
                          quiet_until, traceparent, state, due_at)
    SELECT m.message_id, m.school_id, m.parent_id, m.invitation_id, m.generation, m.channel, :lane, m.template,
           m.address, m.name, m.language, m.school_name, m.timezone, m.token_key_id, m.expires_at, m.quiet_from,
           m.quiet_until, m.traceparent, 'queued', now()
      FROM unnest(CAST(:message_id AS uuid[]), CAST(:school_id AS uuid[]), CAST(:parent_id AS uuid[]),
                  CAST(:invitation_id AS uuid[]), CAST(:generation AS integer[]), CAST(:channel AS text[]),
                  CAST(:template AS text[]), CAST(:address AS text[]), CAST(:name AS text[]),
                  CAST(:language AS text[]), CAST(:school_name AS text[]), CAST(:timezone AS text[]),
                  CAST(:token_key_id AS text[]), CAST(:expires_at AS timestamptz[]), CAST(:quiet_from AS time[]),
                  CAST(:quiet_until AS time[]), CAST(:traceparent AS text[]))
           AS m (message_id, school_id, parent_id, invitation_id, generation, channel, template, address, name,
                 language, school_name, timezone, token_key_id, expires_at, quiet_from, quiet_until, traceparent)
    ON CONFLICT (message_id) DO NOTHING
    RETURNING message_id
    """
)
_CLAIM = text(
    """
    WITH due AS (
        SELECT message_id, locked_until IS NOT NULL AS taken_over
          FROM messages
         WHERE channel = :channel AND lane = :lane AND due_at <= now()
           AND (locked_until IS NULL OR locked_until <= now())
           AND (NOT :expired_only OR expires_at <= now())
         ORDER BY due_at, message_id
         LIMIT :limit FOR UPDATE SKIP LOCKED
    ), claimed AS (
        UPDATE messages AS m
           SET state = 'sending', fence = m.fence + 1, locked_until = now() + make_interval(secs => :lease_seconds),
               attempts = m.attempts + CAST(due.taken_over AS integer), interrupted = m.interrupted OR due.taken_over
          FROM due
         WHERE m.message_id = due.message_id
        RETURNING m.*, due.taken_over
    ), noted AS (
        INSERT INTO attempts (message_id, number, ended_at, verdict, code, detail)
        SELECT message_id, fence - 1, now(), 'interrupted', 'interrupted', ''
          FROM claimed WHERE taken_over
        ON CONFLICT DO NOTHING
    )
    SELECT * FROM claimed ORDER BY due_at, message_id
    """
)
_CLAIM_NEW = text(
    """
    UPDATE messages SET state = 'sending', fence = fence + 1, locked_until = now()
     WHERE message_id = ANY(CAST(:ids AS uuid[]))
    RETURNING *
    """
)
_RENEW = text(
    """
    UPDATE messages AS m SET locked_until = now() + make_interval(secs => :lease_seconds)
      FROM unnest(CAST(:ids AS uuid[]), CAST(:fences AS integer[])) AS held (message_id, fence)
     WHERE m.message_id = held.message_id AND m.fence = held.fence AND m.state = 'sending'
    RETURNING m.message_id
    """
)
_SETTLE = """
    WITH outcome AS (
        SELECT * FROM unnest(
            CAST(:ids AS uuid[]), CAST(:fences AS integer[]), CAST(:states AS text[]), CAST(:due AS timestamptz[]),
            CAST(:attempts AS integer[]), CAST(:ambiguous AS integer[]), CAST(:codes AS text[]),
            CAST(:reasons AS text[]), CAST(:told AS boolean[]), CAST(:provider_ids AS text[]))
        AS o (message_id, fence, state, due_at, attempts, ambiguous, code, reason, told, provider_id)
    ), held AS (
        SELECT message_id FROM messages AS m JOIN outcome AS o USING (message_id)
         WHERE {guard}
         ORDER BY message_id FOR UPDATE OF m
    )
    UPDATE messages AS m
       SET state = o.state, due_at = o.due_at, locked_until = NULL, attempts = o.attempts, ambiguous = o.ambiguous,
           code = o.code, reason = o.reason,
           announced = o.state <> 'sent' AND (m.announced OR o.told AND o.state = 'failed_temporary'),
           version = m.version + CAST(o.told AS integer), provider_id = coalesce(o.provider_id, m.provider_id),
           finished_at = CASE WHEN o.due_at IS NULL THEN now() END, asked = 0,
           ask_at = CASE WHEN o.state = 'sent' AND coalesce(o.provider_id, m.provider_id) IS NOT NULL
                         THEN now() + make_interval(secs => :ask_seconds) END
      FROM outcome AS o JOIN held USING (message_id)
     WHERE m.message_id = o.message_id
    RETURNING m.message_id, m.version
"""
_SETTLE_HELD = text(_SETTLE.format(guard="m.fence = o.fence AND m.state = 'sending'"))
_SETTLE_RESTING = text(_SETTLE.format(guard="m.state <> 'sending'"))


async def insert_queued(tx: Transaction, messages: Sequence[Message], lane: str) -> set[UUID]:
    """Write messages that are not there yet; answers the ids of those that were new."""
    columns: dict[str, list[Any]] = {
        name: [getattr(message, name) for message in messages]
        for name in Message.__dataclass_fields__
        if name != "recipient"
    }
    columns["address"] = [message.recipient.address for message in messages]
    columns["name"] = [message.recipient.name for message in messages]
    rows = await tx.rows(_INSERT, {**columns, "lane": lane})
    return {row.message_id for row in rows}


async def claim_due(
    tx: Transaction, channel: str, lane: str, *, limit: int, lease_seconds: float, expired_only: bool
) -> list[Claim]:
    """Lock up to `limit` due messages for `lease_seconds`, the longest waiting first.

    A message whose lease ran out is due as well: its sender vanished, which counts as an attempt and is noted as one.
    """
    parameters = {
        "channel": channel,
        "lane": lane,
        "limit": limit,
        "lease_seconds": lease_seconds,
        "expired_only": expired_only,
    }
    return [claim_from(row) for row in await tx.rows(_CLAIM, parameters)]


async def claim_new(tx: Transaction, message_ids: Sequence[UUID]) -> list[Claim]:
    """Claim messages that this transaction has inserted, to settle them at once."""
    return [claim_from(row) for row in await tx.rows(_CLAIM_NEW, {"ids": list(message_ids)})]


async def renew_leases(tx: Transaction, claims: Sequence[Claim], lease_seconds: float) -> set[UUID]:
    """Extend leases; answers the ids of the messages that are still held."""
    parameters = {
        "ids": [claim.message.message_id for claim in claims],
        "fences": [claim.fence for claim in claims],
        "lease_seconds": lease_seconds,
    }
    return {row.message_id for row in await tx.rows(_RENEW, parameters)}


async def settle(
    tx: Transaction, changes: Sequence[tuple[Claim, Change]], *, in_hand: bool
) -> dict[UUID, int]:
    """Save changes of messages, locked in id order; answers their versions.

    `in_hand`: only those that are still held under the same claim; else only those that nobody is sending.
    """
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
        "ask_seconds": ASK_AFTER_SECONDS[0],
    }
    return {
        row.message_id: row.version
        for row in await tx.rows(_SETTLE_HELD if in_hand else _SETTLE_RESTING, parameters)
    }


def claim_from(row: Row[Any]) -> Claim:
    fields = {name: getattr(row, name) for name in Message.__dataclass_fields__ if name != "recipient"}
    message = Message(**fields, recipient=Recipient(row.address, row.name))
    return Claim(message, row.fence, row.attempts, row.ambiguous, row.announced, row.interrupted)

"""The queue: rows go in, waiting or in hand at once, and are claimed under a lease. `outcomes` is how they leave."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from services.notifier.domain.messages import Claim, Message, Recipient
from shared.runtime.database import BatchStatement, Transaction

# What a run has in common is last.
_COLUMNS = {
    "message_id": "uuid",
    "parent_id": "uuid",
    "invitation_id": "uuid",
    "address": "text",
    "name": "text",
    "language": "text",
    "expires_at": "timestamptz",
    "traceparent": "text",
    "in_hand": "boolean",
    "school_id": "uuid",
    "generation": "integer",
    "channel": "text",
    "template": "text",
    "school_name": "text",
    "timezone": "text",
    "token_key_id": "text",
    "quiet_from": "time",
    "quiet_until": "time",
}
# What is in hand is due when its lease ends, so that no claim walks over it meanwhile.
_INSERT = BatchStatement(
    """
    INSERT INTO messages (message_id, school_id, parent_id, invitation_id, generation, channel, lane, template,
                          address, name, language, school_name, timezone, token_key_id, expires_at, quiet_from,
                          quiet_until, traceparent, due_at, state, fence, began_at, locked_until)
    SELECT r.message_id, r.school_id, r.parent_id, r.invitation_id, r.generation, r.channel, :lane, r.template,
           r.address, r.name, r.language, r.school_name, r.timezone, r.token_key_id, r.expires_at, r.quiet_from,
           r.quiet_until, r.traceparent, coalesce(lease.until, now()),
           CASE WHEN r.in_hand THEN 'sending' ELSE 'queued' END, CAST(r.in_hand AS integer),
           CASE WHEN r.in_hand THEN now() END, lease.until
      FROM {rows} LEFT JOIN (SELECT clock_timestamp() + make_interval(secs => :lease_seconds) AS until) AS lease
           ON r.in_hand
    ON CONFLICT (message_id) DO NOTHING
    RETURNING message_id, state = 'sending' AS in_hand
    """,
    _COLUMNS,
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
               began_at = now(),
               attempts = m.attempts + CAST(due.taken_over AS integer), interrupted = m.interrupted OR due.taken_over
          FROM due
         WHERE m.message_id = due.message_id
        RETURNING m.message_id, m.school_id, m.parent_id, m.invitation_id, m.generation, m.channel, m.template,
                  m.address, m.name, m.language, m.school_name, m.timezone, m.token_key_id, m.expires_at, m.quiet_from,
                  m.quiet_until, m.traceparent, m.fence, m.attempts, m.ambiguous, m.announced, m.interrupted, m.due_at,
                  due.taken_over
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


async def insert(
    tx: Transaction, messages: Sequence[Message], lane: str, *, in_hand: Sequence[bool], lease_seconds: float
) -> dict[UUID, bool]:
    """Write messages that are not there yet; answers those that were new, and whether each is in hand.

    `in_hand`: which of them the caller sends itself, claimed for `lease_seconds` from now on.
    """
    fields = [name for name in _COLUMNS if name not in ("address", "name", "in_hand")]
    columns: dict[str, list[Any]] = {
        name: [getattr(message, name) for message in messages] for name in fields
    }
    columns["address"] = [message.recipient.address for message in messages]
    columns["name"] = [message.recipient.name for message in messages]
    columns["in_hand"] = list(in_hand)
    rows = await tx.rows(*_INSERT.bind_columns(columns, lane=lane, lease_seconds=lease_seconds))
    return {row.message_id: row.in_hand for row in rows}


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


def claim_from(row: Row[Any]) -> Claim:
    """The claim in a row that has all its columns."""
    message = Message(
        row.message_id,
        row.school_id,
        row.parent_id,
        row.invitation_id,
        row.generation,
        row.channel,
        row.template,
        Recipient(row.address, row.name),
        row.language,
        row.school_name,
        row.timezone,
        row.token_key_id,
        row.expires_at,
        row.quiet_from,
        row.quiet_until,
        row.traceparent,
    )
    return Claim(message, row.fence, row.attempts, row.ambiguous, row.announced, row.interrupted)

"""The queue: rows go in, waiting or in hand at once, and are claimed under a lease. `outcomes` is how they leave."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from services.notifier.domain.messages import Claim, Message, Recipient
from shared.runtime.database import Transaction

_INSERT = text(
    """
    INSERT INTO messages (message_id, school_id, parent_id, invitation_id, generation, channel, lane, template,
                          address, name, language, school_name, timezone, token_key_id, expires_at, quiet_from,
                          quiet_until, traceparent, due_at, state, fence, began_at, locked_until)
    SELECT m.message_id, m.school_id, m.parent_id, m.invitation_id, m.generation, m.channel, :lane, m.template,
           m.address, m.name, m.language, m.school_name, m.timezone, m.token_key_id, m.expires_at, m.quiet_from,
           m.quiet_until, m.traceparent, now(), CASE WHEN m.in_hand THEN 'sending' ELSE 'queued' END,
           CAST(m.in_hand AS integer), CASE WHEN m.in_hand THEN now() END,
           CASE WHEN m.in_hand THEN clock_timestamp() + make_interval(secs => :lease_seconds) END
      FROM unnest(CAST(:message_id AS uuid[]), CAST(:school_id AS uuid[]), CAST(:parent_id AS uuid[]),
                  CAST(:invitation_id AS uuid[]), CAST(:generation AS integer[]), CAST(:channel AS text[]),
                  CAST(:template AS text[]), CAST(:address AS text[]), CAST(:name AS text[]),
                  CAST(:language AS text[]), CAST(:school_name AS text[]), CAST(:timezone AS text[]),
                  CAST(:token_key_id AS text[]), CAST(:expires_at AS timestamptz[]), CAST(:quiet_from AS time[]),
                  CAST(:quiet_until AS time[]), CAST(:traceparent AS text[]), CAST(:in_hand AS boolean[]))
           AS m (message_id, school_id, parent_id, invitation_id, generation, channel, template, address, name,
                 language, school_name, timezone, token_key_id, expires_at, quiet_from, quiet_until, traceparent,
                 in_hand)
    ON CONFLICT (message_id) DO NOTHING
    RETURNING message_id, state = 'sending' AS in_hand
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
               began_at = now(),
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


async def insert(
    tx: Transaction, messages: Sequence[Message], lane: str, *, in_hand: Sequence[bool], lease_seconds: float
) -> dict[UUID, bool]:
    """Write messages that are not there yet; answers those that were new, and whether each is in hand.

    `in_hand`: which of them the caller sends itself, claimed for `lease_seconds` from now on.
    """
    columns: dict[str, list[Any]] = {
        name: [getattr(message, name) for message in messages]
        for name in Message.__dataclass_fields__
        if name != "recipient"
    }
    columns["address"] = [message.recipient.address for message in messages]
    columns["name"] = [message.recipient.name for message in messages]
    columns["in_hand"] = list(in_hand)
    rows = await tx.rows(_INSERT, {**columns, "lane": lane, "lease_seconds": lease_seconds})
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
    fields = {name: getattr(row, name) for name in Message.__dataclass_fields__ if name != "recipient"}
    message = Message(**fields, recipient=Recipient(row.address, row.name))
    return Claim(message, row.fence, row.attempts, row.ambiguous, row.announced, row.interrupted)

"""Table `messages`, and table `attempts`, which is written with it: the queue, its claims, and outcomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from services.notifier.domain.messages import (
    STATUS_CHECK_AFTER_SECONDS,
    Change,
    Claim,
    Message,
    Outcome,
    Recipient,
)
from shared.runtime.database import BatchStatement, Transaction

_MESSAGE_COLUMNS = {
    "message_id": "uuid",
    "parent_id": "uuid",
    "invitation_id": "uuid",
    "address": "text",
    "name": "text",
    "language": "text",
    "expires_at": "timestamptz",
    "traceparent": "text",
    "claimed": "boolean",
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
# A claimed message is due when its lease ends, so that no other claim has to step over it until then.
INSERT_MESSAGES = BatchStatement(
    """
    INSERT INTO messages (message_id, school_id, parent_id, invitation_id, generation, channel, lane, template,
                          address, name, language, school_name, timezone, token_key_id, expires_at, quiet_from,
                          quiet_until, traceparent, due_at, state, fence, began_at, locked_until)
    SELECT r.message_id, r.school_id, r.parent_id, r.invitation_id, r.generation, r.channel, :lane, r.template,
           r.address, r.name, r.language, r.school_name, r.timezone, r.token_key_id, r.expires_at, r.quiet_from,
           r.quiet_until, r.traceparent, coalesce(lease.until, now()),
           CASE WHEN r.claimed THEN 'sending' ELSE 'queued' END, CAST(r.claimed AS integer),
           CASE WHEN r.claimed THEN now() END, lease.until
      FROM {rows} LEFT JOIN (SELECT clock_timestamp() + make_interval(secs => :lease_seconds) AS until) AS lease
           ON r.claimed
    ON CONFLICT (message_id) DO NOTHING
    RETURNING message_id, state = 'sending' AS claimed
    """,
    _MESSAGE_COLUMNS,
)
CLAIM_DUE = text(
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
    ), interrupted AS (
        INSERT INTO attempts (message_id, number, ended_at, verdict, code, detail)
        SELECT message_id, fence - 1, now(), 'interrupted', 'interrupted', ''
          FROM claimed WHERE taken_over
        ON CONFLICT DO NOTHING
    )
    SELECT * FROM claimed ORDER BY due_at, message_id
    """
)
CLAIM_INSERTED = text(
    """
    UPDATE messages SET state = 'sending', fence = fence + 1, locked_until = now()
     WHERE message_id = ANY(CAST(:ids AS uuid[]))
    RETURNING *
    """
)
RENEW_LEASES = text(
    """
    UPDATE messages AS m SET locked_until = now() + make_interval(secs => :lease_seconds)
      FROM unnest(CAST(:ids AS uuid[]), CAST(:fences AS integer[])) AS held (message_id, fence)
     WHERE m.message_id = held.message_id AND m.fence = held.fence AND m.state = 'sending'
    RETURNING m.message_id
    """
)
_CHANGE_COLUMNS = {
    "message_id": "uuid",
    "answer": "text",
    "fence": "integer",
    "state": "text",
    "due_at": "timestamptz",
    "attempts": "integer",
    "ambiguous": "integer",
    "code": "text",
    "reason": "text",
    "emits": "boolean",
    "provider_id": "text",
}
_SET = """
       SET state = r.state, due_at = r.due_at, locked_until = NULL, attempts = r.attempts, ambiguous = r.ambiguous,
           code = r.code, reason = r.reason, answer = r.answer,
           announced = r.state <> 'sent' AND (m.announced OR r.emits AND r.state = 'failed_temporary'),
           version = m.version + CAST(r.emits AS integer), provider_id = coalesce(r.provider_id, m.provider_id),
           finished_at = CASE WHEN r.due_at IS NULL THEN now() END, asked = 0,
           ask_at = CASE WHEN r.state = 'sent' AND coalesce(r.provider_id, m.provider_id) IS NOT NULL
                         THEN now() + make_interval(secs => :check_seconds) END
"""
# The rows need no common order of locks: only the holder of a fence waits for its row while it holds others.
CHANGE_CLAIMED = BatchStatement(
    f"""
    UPDATE messages AS m {_SET}
      FROM {{rows}}
     WHERE m.message_id = r.message_id AND m.fence = r.fence AND m.state = 'sending'
    RETURNING m.message_id, m.version
    """,
    _CHANGE_COLUMNS,
)
CHANGE_UNCLAIMED = BatchStatement(
    f"""
    WITH change AS (SELECT * FROM {{rows}}), unclaimed AS (
        SELECT message_id FROM messages AS m JOIN change USING (message_id)
         WHERE m.state <> 'sending'
         ORDER BY message_id FOR UPDATE OF m
    )
    UPDATE messages AS m {_SET}
      FROM change AS r JOIN unclaimed USING (message_id)
     WHERE m.message_id = r.message_id
    RETURNING m.message_id, m.version
    """,
    _CHANGE_COLUMNS,
)
INSERT_ATTEMPTS = text(
    """
    INSERT INTO attempts (message_id, number, began_at, ended_at, verdict, code, detail)
    SELECT a.message_id, a.number, a.began_at, clock_timestamp(), a.verdict, a.code, a.detail
      FROM unnest(CAST(:ids AS uuid[]), CAST(:numbers AS integer[]), CAST(:began AS timestamptz[]),
                  CAST(:verdicts AS text[]), CAST(:codes AS text[]), CAST(:details AS text[]))
           AS a (message_id, number, began_at, verdict, code, detail)
    ON CONFLICT (message_id, number) DO UPDATE
       SET began_at = EXCLUDED.began_at, ended_at = EXCLUDED.ended_at, verdict = EXCLUDED.verdict,
           code = EXCLUDED.code, detail = EXCLUDED.detail
    """
)


async def insert_messages(
    tx: Transaction, messages: Sequence[Message], lane: str, *, claimed: Sequence[bool], lease_seconds: float
) -> dict[UUID, bool]:
    """Insert messages that do not exist yet, and return the ids of the new ones with whether each was claimed.

    `claimed` states for each message whether it is claimed for the caller, for `lease_seconds` from now.
    """
    fields = [name for name in _MESSAGE_COLUMNS if name not in ("address", "name", "claimed")]
    columns: dict[str, list[Any]] = {
        name: [getattr(message, name) for message in messages] for name in fields
    }
    columns["address"] = [message.recipient.address for message in messages]
    columns["name"] = [message.recipient.name for message in messages]
    columns["claimed"] = list(claimed)
    rows = await tx.rows(*INSERT_MESSAGES.bind_columns(columns, lane=lane, lease_seconds=lease_seconds))
    return {row.message_id: row.claimed for row in rows}


async def claim_due(
    tx: Transaction, channel: str, lane: str, *, limit: int, lease_seconds: float, expired_only: bool
) -> list[Claim]:
    """Claim up to `limit` due messages for `lease_seconds`, those that have waited longest first.

    A message whose lease has run out is due as well: the process of its sender ended, which is counted and stored as an
    interrupted attempt. With `expired_only`, claim only messages whose link is dead.
    """
    parameters = {
        "channel": channel,
        "lane": lane,
        "limit": limit,
        "lease_seconds": lease_seconds,
        "expired_only": expired_only,
    }
    return [read_claim(row) for row in await tx.rows(CLAIM_DUE, parameters)]


async def claim_inserted(tx: Transaction, message_ids: Sequence[UUID]) -> list[Claim]:
    """Claim messages that this transaction has inserted, to record their outcomes at once."""
    return [read_claim(row) for row in await tx.rows(CLAIM_INSERTED, {"ids": list(message_ids)})]


async def renew_leases(tx: Transaction, claims: Sequence[Claim], lease_seconds: float) -> set[UUID]:
    """Extend the leases of claims, and return the ids of the messages that are still held."""
    parameters = {
        "ids": [claim.message.message_id for claim in claims],
        "fences": [claim.fence for claim in claims],
        "lease_seconds": lease_seconds,
    }
    return {row.message_id for row in await tx.rows(RENEW_LEASES, parameters)}


async def save_changes(
    tx: Transaction,
    changes: Sequence[tuple[Claim, Change]],
    *,
    claimed: bool,
    answers: Mapping[UUID, str] | None = None,
) -> dict[UUID, int]:
    """Save changes of messages, and return the new versions of the messages that were changed.

    With `claimed`, change only messages that are still held under the same claim; otherwise only messages that no
    sender holds, locked in the order of their ids. `answers` are the provider's texts, by message id, for messages
    whose last attempt gets no row of its own.
    """
    details = answers or {}
    columns: dict[str, list[Any]] = {
        "message_id": [claim.message.message_id for claim, _ in changes],
        "answer": [details.get(claim.message.message_id) for claim, _ in changes],
        "fence": [claim.fence for claim, _ in changes],
        "state": [change.state.value for _, change in changes],
        "due_at": [change.due_at for _, change in changes],
        "attempts": [change.attempts for _, change in changes],
        "ambiguous": [change.ambiguous for _, change in changes],
        "code": [change.code for _, change in changes],
        "reason": [change.reason for _, change in changes],
        "emits": [change.announce is not None for _, change in changes],
        "provider_id": [change.provider_id for _, change in changes],
    }
    statement = CHANGE_CLAIMED if claimed else CHANGE_UNCLAIMED
    rows = await tx.rows(*statement.bind_columns(columns, check_seconds=STATUS_CHECK_AFTER_SECONDS[0]))
    return {row.message_id: row.version for row in rows}


async def insert_attempts(tx: Transaction, outcomes: Sequence[Outcome]) -> None:
    """Insert a row for each attempt that was really made, numbered by the fence of its claim.

    An attempt that has been stored as interrupted gets its true end: its sender was only slow.
    """
    parameters = {
        "ids": [outcome.claim.message.message_id for outcome in outcomes],
        "numbers": [outcome.claim.fence for outcome in outcomes],
        "began": [outcome.began_at for outcome in outcomes],
        "verdicts": [outcome.result.verdict.value for outcome in outcomes],
        "codes": [outcome.result.code for outcome in outcomes],
        "details": [storable_text(outcome.result.detail) for outcome in outcomes],
    }
    await tx.execute(INSERT_ATTEMPTS, parameters)


def storable_text(answer: str) -> str:
    """Return a provider's text without what PostgreSQL cannot store: NUL characters and lone surrogates."""
    return answer.encode("utf-8", "replace").decode("utf-8").replace("\x00", " ")


def read_claim(row: Row[Any]) -> Claim:
    """Build the claim from a row that has all columns of `messages`."""
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

"""Status checks of table `messages`: when to query the provider about a message without a delivery report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from shared.runtime.database import Transaction

_CLAIM = text(
    """
    UPDATE messages AS m
       SET asked = m.asked + 1,
           ask_at = coalesce(
               m.finished_at + make_interval(secs => (CAST(:moments AS double precision[]))[m.asked + 2]),
               now() + make_interval(secs => :again_seconds))
     WHERE message_id IN (
           SELECT message_id FROM messages
            WHERE channel = :channel AND ask_at <= now() AND state = 'sent'
            ORDER BY ask_at LIMIT :limit FOR UPDATE SKIP LOCKED)
    RETURNING m.message_id, m.provider_id, m.asked >= cardinality(CAST(:moments AS double precision[])) AS last
    """
)


@dataclass(frozen=True, slots=True)
class PendingStatusCheck:
    """A message whose status the provider is to be queried for. `is_last`: no check is planned after this one."""

    message_id: UUID
    provider_id: str
    is_last: bool


async def claim_status_checks(
    tx: Transaction, channel: str, after_seconds: Sequence[float], again_seconds: float, limit: int
) -> list[PendingStatusCheck]:
    """Claim up to `limit` due status checks of a channel, and schedule the next check of each message.

    The next check is stored first, so that none is lost if the process ends before the provider answers.
    `after_seconds` are the moments of the checks, counted from the hand-over; the last check is repeated every
    `again_seconds` until an answer ends the waiting.
    """
    parameters = {
        "channel": channel,
        "moments": list(after_seconds),
        "again_seconds": again_seconds,
        "limit": limit,
    }
    rows = await tx.rows(_CLAIM, parameters)
    return [PendingStatusCheck(row.message_id, row.provider_id, row.last) for row in rows]

"""Messages whose provider has not said what became of them, and when to ask."""

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
class Question:
    """A message to ask about by the provider's name for it. `last`: once answered, it is asked no more."""

    message_id: UUID
    provider_id: str
    last: bool


async def claim_questions(
    tx: Transaction, channel: str, moments: Sequence[float], again_seconds: float, limit: int
) -> list[Question]:
    """Messages that are due to be asked about; the next time is noted, so that no question is lost with who asks it.

    `moments` are seconds after the hand-over. The last question is put again after `again_seconds` until an answer ends
    the waiting.
    """
    parameters = {
        "channel": channel,
        "moments": list(moments),
        "again_seconds": again_seconds,
        "limit": limit,
    }
    return [Question(row.message_id, row.provider_id, row.last) for row in await tx.rows(_CLAIM, parameters)]

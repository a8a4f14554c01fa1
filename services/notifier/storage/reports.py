"""What providers report, kept as it comes and applied when the message is in nobody's hands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from services.notifier.domain.messages import State
from services.notifier.domain.reports import RANK, Standing, Word
from services.notifier.storage.queue import claim_from
from shared.runtime.database import Transaction

_KEEP = text(
    """
    INSERT INTO reports AS r (provider_id, message_id, word, rank, code)
    VALUES (:provider_id, :message_id, :word, :rank, :code)
    ON CONFLICT (provider_id) DO UPDATE
       SET word = excluded.word, rank = excluded.rank, code = excluded.code, applied = false, heard_at = now()
     WHERE r.rank < excluded.rank
    """
)
_CLAIM = text(
    """
    SELECT m.*, r.provider_id AS reported_id, r.word, r.code AS reported_code,
           (SELECT count(*) FROM reports AS c WHERE c.message_id = r.message_id AND c.word = 'failed') AS failed_copies
      FROM reports AS r JOIN messages AS m USING (message_id)
     WHERE NOT r.applied AND m.state <> 'sending'
     ORDER BY m.message_id, r.rank LIMIT :limit FOR UPDATE SKIP LOCKED
    """
)
_APPLIED = text("UPDATE reports SET applied = true WHERE provider_id = ANY(CAST(:ids AS text[]))")
_FORGET_STRAYS = text(
    """
    DELETE FROM reports AS r
     WHERE NOT r.applied AND r.heard_at < now() - interval '1 hour'
       AND NOT EXISTS (SELECT 1 FROM messages AS m WHERE m.message_id = r.message_id)
    """
)
_TAKEN = text("SELECT provider_id FROM reports WHERE message_id = :message_id AND word <> 'failed' LIMIT 1")


@dataclass(frozen=True, slots=True)
class Heard:
    """A report that waits, with the message it is about, both locked. `code` is the provider's, of a failure."""

    standing: Standing
    lane: str
    provider_id: str
    word: Word
    code: int | None


async def keep_report(
    tx: Transaction, provider_id: str, message_id: UUID, word: Word, code: int | None
) -> None:
    """Keep what was reported about a copy; what is no further than what is known changes nothing."""
    parameters = {
        "provider_id": provider_id,
        "message_id": message_id,
        "word": word.value,
        "rank": RANK[word],
        "code": code,
    }
    await tx.execute(_KEEP, parameters)


async def claim_reports(tx: Transaction, limit: int) -> list[Heard]:
    """Lock reports that wait and their messages; those of a message that is being sent wait on."""
    return [
        Heard(
            Standing(claim_from(row), State(row.state), row.provider_id, row.failed_copies),
            row.lane,
            row.reported_id,
            Word(row.word),
            row.reported_code,
        )
        for row in await tx.rows(_CLAIM, {"limit": limit})
    ]


async def mark_applied(tx: Transaction, provider_ids: Sequence[str]) -> None:
    """These reports have had their effect."""
    await tx.execute(_APPLIED, {"ids": list(provider_ids)})


async def forget_strays(tx: Transaction) -> None:
    """Forget reports about messages that nobody here has sent."""
    await tx.execute(_FORGET_STRAYS)


async def find_taken(tx: Transaction, message_id: UUID) -> str | None:
    """The provider's name for a copy of the message that it took over and that has not failed."""
    row = await tx.row(_TAKEN, {"message_id": message_id})
    return None if row is None else str(row.provider_id)

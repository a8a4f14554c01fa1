"""Table `reports`: delivery reports as they arrive, applied when no sender holds their message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from services.notifier.domain.messages import Result, State, Verdict
from services.notifier.domain.reports import RANK, ProviderStatus, ReportedMessage
from services.notifier.storage.messages import read_claim
from shared.runtime.database import Transaction

_SAVE = text(
    """
    INSERT INTO reports AS r (provider_id, message_id, word, rank, code)
    VALUES (:provider_id, :message_id, :status, :rank, :code)
    ON CONFLICT (provider_id) DO UPDATE
       SET word = excluded.word, rank = excluded.rank, code = excluded.code, applied = false, heard_at = now()
     WHERE r.rank < excluded.rank
    """
)
_CLAIM = text(
    """
    SELECT m.*, r.provider_id AS reported_id, r.word AS status, r.code AS reported_code,
           (SELECT count(*) FROM reports AS c WHERE c.message_id = r.message_id AND c.word = 'failed') AS failed_copies
      FROM reports AS r JOIN messages AS m USING (message_id)
     WHERE NOT r.applied AND m.state <> 'sending'
     ORDER BY m.message_id, r.rank LIMIT :limit FOR UPDATE SKIP LOCKED
    """
)
_MARK_APPLIED = text("UPDATE reports SET applied = true WHERE provider_id = ANY(CAST(:ids AS text[]))")
_DELETE_UNMATCHED = text(
    """
    DELETE FROM reports AS r
     WHERE NOT r.applied AND r.heard_at < now() - interval '1 hour'
       AND NOT EXISTS (SELECT 1 FROM messages AS m WHERE m.message_id = r.message_id)
    """
)
_FIND_ACCEPTED = text(
    "SELECT provider_id FROM reports WHERE message_id = :message_id AND word <> 'failed' LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class PendingReport:
    """A report that is not applied yet, and its message, both locked. `code` is the provider's code of a failure."""

    message: ReportedMessage
    lane: str
    provider_id: str
    status: ProviderStatus
    code: int | None

    @property
    def message_id(self) -> UUID:
        """Return the id of the message."""
        return self.message.claim.message.message_id


async def save_report(
    tx: Transaction, provider_id: str, message_id: UUID, status: ProviderStatus, code: int | None
) -> None:
    """Save a report about a copy; one that is no further than the stored one changes nothing."""
    parameters = {
        "provider_id": provider_id,
        "message_id": message_id,
        "status": status.value,
        "rank": RANK[status],
        "code": code,
    }
    await tx.execute(_SAVE, parameters)


async def claim_reports(tx: Transaction, limit: int) -> list[PendingReport]:
    """Lock up to `limit` reports that are not applied, and their messages; skip messages that a sender holds."""
    return [
        PendingReport(
            ReportedMessage(read_claim(row), State(row.state), row.provider_id, row.failed_copies),
            row.lane,
            row.reported_id,
            ProviderStatus(row.status),
            row.reported_code,
        )
        for row in await tx.rows(_CLAIM, {"limit": limit})
    ]


async def mark_applied(tx: Transaction, provider_ids: Sequence[str]) -> None:
    """Mark reports as applied."""
    await tx.execute(_MARK_APPLIED, {"ids": list(provider_ids)})


async def delete_unmatched_reports(tx: Transaction) -> None:
    """Delete reports older than an hour whose message does not exist."""
    await tx.execute(_DELETE_UNMATCHED)


async def find_accepted_result(tx: Transaction, message_id: UUID) -> Result | None:
    """Return the result "sent" if the provider has reported a copy of the message as accepted, otherwise None.

    The sender may have lost sight of such a copy: its process ended, or the provider's answer was lost.
    """
    row = await tx.row(_FIND_ACCEPTED, {"message_id": message_id})
    return None if row is None else Result(Verdict.SENT, detail="as reported", provider_id=row.provider_id)

"""Numbers that take no more messages on a channel: whoever of us sends to them, for every school."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from shared.runtime.database import Transaction

_STOP = text(
    """
    INSERT INTO suppressions AS s (channel, address) VALUES (:channel, :address)
    ON CONFLICT (channel, address) DO UPDATE SET since = now(), lifted_at = NULL, announced = false
     WHERE s.lifted_at IS NOT NULL
    """
)
_REFUSED = text(
    """
    INSERT INTO suppressions AS s (channel, address)
    SELECT DISTINCT channel, address
      FROM unnest(CAST(:channels AS text[]), CAST(:addresses AS text[])) AS r (channel, address)
     ORDER BY channel, address
    ON CONFLICT (channel, address) DO UPDATE
       SET announced = false,
           since = CASE WHEN s.lifted_at < now() - interval '1 minute' THEN now() ELSE s.since END,
           lifted_at = CASE WHEN s.lifted_at >= now() - interval '1 minute' THEN s.lifted_at END
    """
)
_LIFT = text(
    """
    UPDATE suppressions SET lifted_at = now(), announced = false
     WHERE channel = :channel AND address = :address AND lifted_at IS NULL
    """
)
_STOPPED = text(
    "SELECT 1 FROM suppressions WHERE channel = :channel AND address = :address AND lifted_at IS NULL"
)
_CLAIM = text(
    """
    SELECT channel, address, since, lifted_at FROM suppressions WHERE NOT announced
     ORDER BY channel, address LIMIT :limit FOR UPDATE SKIP LOCKED
    """
)
_RECIPIENTS = text(
    """
    SELECT DISTINCT school_id, parent_id FROM messages
     WHERE channel = :channel AND address = :address ORDER BY school_id, parent_id
    """
)
_ANNOUNCED = text("UPDATE suppressions SET announced = true WHERE channel = :channel AND address = :address")


@dataclass(frozen=True, slots=True)
class Suppression:
    """A number and what its owner said last. `lifted_at`: they want messages again since then."""

    channel: str
    address: str
    since: datetime
    lifted_at: datetime | None

    def __repr__(self) -> str:
        return f"Suppression({self.channel}, redacted)"


@dataclass(frozen=True, slots=True)
class Known:
    """A parent of a school whom we wrote to at a number."""

    school_id: UUID
    parent_id: UUID


async def stop(tx: Transaction, channel: str, address: str) -> None:
    """The owner of the number said STOP; from the commit on nothing more is sent to it."""
    await tx.execute(_STOP, {"channel": channel, "address": address})


async def note_refusals(tx: Transaction, numbers: Sequence[tuple[str, str]]) -> None:
    """The provider, or we, refused (channel, address) for a STOP of before: told anew, as the parent may be new."""
    channels, addresses = [channel for channel, _ in numbers], [address for _, address in numbers]
    await tx.execute(_REFUSED, {"channels": channels, "addresses": addresses})


async def lift(tx: Transaction, channel: str, address: str) -> None:
    """The owner of the number said START."""
    await tx.execute(_LIFT, {"channel": channel, "address": address})


async def is_stopped(tx: Transaction, channel: str, address: str) -> bool:
    """Does the number take no messages on this channel?"""
    return await tx.row(_STOPPED, {"channel": channel, "address": address}) is not None


async def claim_unannounced(tx: Transaction, limit: int) -> list[Suppression]:
    """Lock changes that were not told yet."""
    rows = await tx.rows(_CLAIM, {"limit": limit})
    return [Suppression(row.channel, row.address, row.since, row.lifted_at) for row in rows]


async def recipients(tx: Transaction, suppression: Suppression) -> list[Known]:
    """Whom we know at the number."""
    rows = await tx.rows(_RECIPIENTS, {"channel": suppression.channel, "address": suppression.address})
    return [Known(row.school_id, row.parent_id) for row in rows]


async def mark_announced(tx: Transaction, suppression: Suppression) -> None:
    """The change was told."""
    await tx.execute(_ANNOUNCED, {"channel": suppression.channel, "address": suppression.address})

"""Table `suppressions`: phone numbers that take no more messages on a channel, for every school."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from shared.runtime.database import Transaction

_SUPPRESS = text(
    """
    INSERT INTO suppressions AS s (channel, address) VALUES (:channel, :address)
    ON CONFLICT (channel, address) DO UPDATE SET since = now(), lifted_at = NULL, announced = false
     WHERE s.lifted_at IS NOT NULL
    """
)
_SUPPRESS_REFUSED = text(
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
_IS_SUPPRESSED = text(
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
_MARK_ANNOUNCED = text(
    "UPDATE suppressions SET announced = true WHERE channel = :channel AND address = :address"
)


@dataclass(frozen=True, slots=True)
class Suppression:
    """A phone number that has opted out on a channel; since `lifted_at`, if set, it takes messages again."""

    channel: str
    address: str
    since: datetime
    lifted_at: datetime | None

    def __repr__(self) -> str:
        return f"Suppression({self.channel}, redacted)"


@dataclass(frozen=True, slots=True)
class KnownRecipient:
    """A parent record of a school to which a message was sent at a number."""

    school_id: UUID
    parent_id: UUID


async def suppress(tx: Transaction, channel: str, address: str) -> None:
    """Suppress an address after its owner has opted out; nothing is sent to it from the commit on."""
    await tx.execute(_SUPPRESS, {"channel": channel, "address": address})


async def suppress_refused(tx: Transaction, recipients: Sequence[tuple[str, str]]) -> None:
    """Suppress (channel, address) pairs whose messages were refused because of an earlier opt-out.

    The opt-out is announced again, because the parent may be new. An opt-in within the last minute is kept: the refused
    attempt may be older than it.
    """
    channels, addresses = [channel for channel, _ in recipients], [address for _, address in recipients]
    await tx.execute(_SUPPRESS_REFUSED, {"channels": channels, "addresses": addresses})


async def lift(tx: Transaction, channel: str, address: str) -> None:
    """Lift the suppression of an address after its owner has opted in again."""
    await tx.execute(_LIFT, {"channel": channel, "address": address})


async def is_suppressed(tx: Transaction, channel: str, address: str) -> bool:
    """Return whether the address takes no messages on this channel."""
    return await tx.row(_IS_SUPPRESSED, {"channel": channel, "address": address}) is not None


async def claim_unannounced(tx: Transaction, limit: int) -> list[Suppression]:
    """Lock up to `limit` suppressions whose last change is not announced yet."""
    rows = await tx.rows(_CLAIM, {"limit": limit})
    return [Suppression(row.channel, row.address, row.since, row.lifted_at) for row in rows]


async def list_recipients(tx: Transaction, suppression: Suppression) -> list[KnownRecipient]:
    """List the parent records to which messages were sent at a suppressed address."""
    rows = await tx.rows(_RECIPIENTS, {"channel": suppression.channel, "address": suppression.address})
    return [KnownRecipient(row.school_id, row.parent_id) for row in rows]


async def mark_announced(tx: Transaction, suppression: Suppression) -> None:
    """Mark the last change of a suppression as announced."""
    await tx.execute(_MARK_ANNOUNCED, {"channel": suppression.channel, "address": suppression.address})

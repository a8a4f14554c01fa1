"""Table `spending`: number of texts (SMS and WhatsApp messages) of a school per hour."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import text

from shared.runtime.database import Transaction

_COUNT = text(
    """
    INSERT INTO spending AS s (school_id, hour, texts) VALUES (:school_id, date_trunc('hour', now()), 1)
    ON CONFLICT (school_id, hour) DO UPDATE SET texts = s.texts + 1 WHERE s.texts < :limit
    RETURNING texts
    """
)
_SECONDS_LEFT = text("SELECT extract(epoch FROM date_trunc('hour', now()) + interval '1 hour' - now())")
_DELETE_OLD = text("DELETE FROM spending WHERE hour < now() - interval '2 days'")


async def count_text(tx: Transaction, school_id: UUID, limit: int) -> bool:
    """Count one text of the school; return False, and count nothing, where the hour has reached `limit`."""
    return await tx.row(_COUNT, {"school_id": school_id, "limit": limit}) is not None


async def seconds_left_in_hour(tx: Transaction) -> float:
    """Return the seconds until the next hour begins."""
    return float(await tx.scalar(_SECONDS_LEFT))


async def delete_old_hours(tx: Transaction) -> None:
    """Delete the counts of hours that ended more than two days ago."""
    await tx.execute(_DELETE_OLD)

"""How many texts a school has sent in an hour."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import text

from shared.runtime.database import Transaction

_SPEND = text(
    """
    INSERT INTO spending AS s (school_id, hour, texts) VALUES (:school_id, date_trunc('hour', now()), 1)
    ON CONFLICT (school_id, hour) DO UPDATE SET texts = s.texts + 1 WHERE s.texts < :limit
    RETURNING texts
    """
)
_LEFT = text("SELECT extract(epoch FROM date_trunc('hour', now()) + interval '1 hour' - now())")
_FORGET = text("DELETE FROM spending WHERE hour < now() - interval '2 days'")


async def spend_one(tx: Transaction, school_id: UUID, limit: int) -> bool:
    """Count one text of the school; False, and nothing counted, where the hour has had its `limit`."""
    return await tx.row(_SPEND, {"school_id": school_id, "limit": limit}) is not None


async def seconds_left(tx: Transaction) -> float:
    """Until the next hour begins."""
    return float(await tx.scalar(_LEFT))


async def forget_spending(tx: Transaction) -> None:
    """Forget hours that are long over."""
    await tx.execute(_FORGET)

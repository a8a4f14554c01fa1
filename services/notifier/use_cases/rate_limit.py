"""Rate limit of texts, which cost money: a highest number per school and hour."""

from __future__ import annotations

from services.notifier.domain.messages import Message, Result, Verdict
from services.notifier.storage.spending import count_text, delete_old_hours, seconds_left_in_hour
from shared.runtime.database import Transaction

REASON = "The school has sent as many texts as it may in an hour; this one goes out in the next."


async def count_or_defer(tx: Transaction, message: Message, limit: int) -> Result | None:
    """Count a text that is about to be sent; return the result that defers it where the hour has reached `limit`.

    A `limit` of 0 means no limit.
    """
    if not limit or await count_text(tx, message.school_id, limit):
        return None
    wait_seconds = await seconds_left_in_hour(tx)
    return Result(Verdict.UNAVAILABLE, "hourly_limit", REASON, retry_after_seconds=wait_seconds)


async def forget_old_counts(tx: Transaction) -> None:
    """Delete the counts of past hours."""
    await delete_old_hours(tx)

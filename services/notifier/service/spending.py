"""The brake on texts, which cost money: so many of a school in an hour, and not one more."""

from __future__ import annotations

from services.notifier.domain.messages import Message, Result, Verdict
from services.notifier.storage import spending
from shared.runtime.database import Transaction

REASON = "The school has sent as many texts as it may in an hour; this one goes out in the next."


async def spend(tx: Transaction, message: Message, limit: int) -> Result | None:
    """Count a text that is about to go out; where the hour has had its `limit` (0: none), how the attempt ends."""
    if not limit or await spending.spend_one(tx, message.school_id, limit):
        return None
    left = await spending.seconds_left(tx)
    return Result(Verdict.UNAVAILABLE, "hourly_limit", REASON, retry_after_seconds=left)


async def forget_spending(tx: Transaction) -> None:
    """Forget hours that are long over."""
    await spending.forget_spending(tx)

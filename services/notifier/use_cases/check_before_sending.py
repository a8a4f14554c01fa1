"""Check a text before every attempt: lost copies, quiet hours, rate limit and opt-outs."""

from __future__ import annotations

from services.notifier.domain.messages import Message, Result
from services.notifier.domain.quiet_hours import defer_for_quiet_hours
from services.notifier.storage.reports import find_accepted_result
from services.notifier.use_cases.opt_outs import refuse_opted_out
from services.notifier.use_cases.rate_limit import count_or_defer
from shared.runtime.database import Transaction


async def check_before_sending(tx: Transaction, message: Message, *, texts_per_hour: int) -> Result | None:
    """Return the result of an attempt that must not be made, or None if the provider may be called.

    A copy that arrived counts as sent, whatever has happened since. Opt-outs are checked last, because counting the
    text may have to wait. `texts_per_hour` is the rate limit of the school; 0 means no limit.
    """
    return (
        await find_accepted_result(tx, message.message_id)
        or defer_for_quiet_hours(message, tx.now)
        or await count_or_defer(tx, message, texts_per_hour)
        or await refuse_opted_out(tx, message)
    )

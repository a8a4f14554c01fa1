"""Publishing again what the broker lost: sent outbox rows go back to pending and leave in their old order.

Consumers that have seen a message pass it by; those that have not get it now.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from shared.runtime.database import Transaction

_REPUBLISH = """
UPDATE outbox SET sent_at = NULL
 WHERE sent_at IS NOT NULL AND data IS NOT NULL
   AND created_at >= :since AND created_at < coalesce(CAST(:until AS timestamptz), 'infinity')
   AND (CAST(:topics AS text[]) IS NULL OR topic = ANY(CAST(:topics AS text[])))
"""


async def republish(
    transaction: Transaction,
    *,
    since: datetime,
    until: datetime | None = None,
    topics: Collection[str] | None = None,
) -> int:
    """Mark rows emitted in [since, until) as pending; answers how many. Rows whose data was erased stay as they are."""
    result = await transaction.execute(
        _REPUBLISH, {"since": since, "until": until, "topics": None if topics is None else list(topics)}
    )
    transaction.emitted = transaction.emitted or result.rowcount > 0
    return int(result.rowcount)

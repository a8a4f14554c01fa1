"""Publishing again what the broker lost: sent outbox rows go back to pending and leave in their old order.

Consumers that have seen a message pass it by; those that have not get it now.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from shared.runtime.database import Transaction, channel_of
from shared.runtime.outbox import IS_PENDING, Lane

_REPUBLISH = f"""
INSERT INTO outbox_runs (lane, first_id, last_id)
SELECT lane, id, id FROM outbox
 WHERE data IS NOT NULL
   AND created_at >= :since AND created_at < coalesce(CAST(:until AS timestamptz), 'infinity')
   AND (CAST(:topics AS text[]) IS NULL OR topic = ANY(CAST(:topics AS text[])))
   AND NOT {IS_PENDING}
ON CONFLICT DO NOTHING
"""
_NOTIFY = "SELECT pg_notify(:channel, :hint) WHERE :hint <> ''"


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
    if result.rowcount > 0:
        for lane in Lane:
            hint = {"channel": channel_of(transaction.schema), "hint": transaction.hint(lane)}
            await transaction.execute(_NOTIFY, hint)
        transaction.emitted |= dict.fromkeys(map(str, Lane), int(result.rowcount))
    return int(result.rowcount)

"""Publishing again what the broker lost: sent outbox rows become pending and leave in their old order.

Consumers that have processed a message skip it; the others receive it now.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from functools import partial

from shared.runtime.database.transaction import Transaction
from shared.runtime.messaging.outbox.emit import IS_PENDING, Lane
from shared.runtime.messaging.outbox.wakeups import outbox_channel, wakeups_of

_REPUBLISH = f"""
INSERT INTO outbox_runs (lane, first_id, last_id)
SELECT lane, id, id FROM outbox
 WHERE data IS NOT NULL
   AND created_at >= :since AND created_at < coalesce(CAST(:until AS timestamptz), 'infinity')
   AND (CAST(:topics AS text[]) IS NULL OR topic = ANY(CAST(:topics AS text[])))
   AND NOT {IS_PENDING}
ON CONFLICT DO NOTHING
"""
_NOTIFY = "SELECT pg_notify(:channel, :payload) WHERE :payload <> ''"


async def republish(
    tx: Transaction,
    *,
    since: datetime,
    until: datetime | None = None,
    topics: Collection[str] | None = None,
) -> int:
    """Mark rows emitted in [since, until) as pending and return their number. Rows with erased data are skipped."""
    parameters = {"since": since, "until": until, "topics": None if topics is None else list(topics)}
    result = await tx.execute(_REPUBLISH, parameters)
    messages = int(result.rowcount)
    if messages > 0:
        wakeups = wakeups_of(tx.database)
        for lane in Lane:
            payload = wakeups.notification_payload(lane.value)
            await tx.execute(_NOTIFY, {"channel": outbox_channel(tx.schema), "payload": payload})
            tx.call_after_commit(partial(wakeups.wake_relays, lane.value, messages))
    return messages

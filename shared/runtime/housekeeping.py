"""Retention: outbox rows that were sent, inbox rows no record can match any more, and old idempotency keys.

Sent rows stay for the retention window, so that a lost broker can be refilled; then facts become history. Inbox rows
outlive the topics' longest retention and the outbox' by a day, so that nothing that may still come is forgotten.
"""

from __future__ import annotations

from datetime import timedelta

from shared.contracts.topics import TOPICS
from shared.runtime.database import Database
from shared.runtime.history import keep_sent
from shared.runtime.ids import lowest_id_at
from shared.runtime.inbox import FIRST_OWN_MARK
from shared.runtime.settings import ServiceSettings
from shared.runtime.timers import Timer

BATCH = 5_000
INTERVAL_SECONDS = 600.0

# What is old lies together, at the left end of the index of ids or in that of what others have told.
_INBOX = f"""
DELETE FROM inbox WHERE ctid = ANY (
    ARRAY(SELECT ctid FROM inbox
           WHERE id >= '{FIRST_OWN_MARK}' AND id < :before AND passed_at < :passed_before ORDER BY id LIMIT :batch)
 || ARRAY(SELECT ctid FROM inbox
           WHERE id < '{FIRST_OWN_MARK}' AND passed_at < :passed_before ORDER BY passed_at LIMIT :batch))
"""
_KEYS = "DELETE FROM idempotency_keys WHERE created_at < now() - interval '24 hours'"


class Housekeeping:
    """Deletes in batches what nobody needs any more."""

    def __init__(self, database: Database, settings: ServiceSettings) -> None:
        self._database = database
        self._outbox_days = settings.outbox_retention_days
        self._inbox_days = (
            max(topic.retention_days or 0 for topic in TOPICS) + settings.outbox_retention_days + 1
        )

    def timer(self) -> Timer:
        """The timer that runs it."""
        return Timer("housekeeping", INTERVAL_SECONDS, self.sweep)

    async def sweep(self) -> bool:
        """One batch of each; whether more is left."""
        async with self._database.transaction() as transaction:
            moved = await keep_sent(transaction, days=self._outbox_days, batch=BATCH)
            before = transaction.now - timedelta(days=self._inbox_days)
            values = {"before": lowest_id_at(before), "passed_before": before, "batch": BATCH}
            inbox = await transaction.execute(_INBOX, values)
            await transaction.execute(_KEYS)
        return moved == BATCH or inbox.rowcount >= BATCH

"""Retention of sent outbox rows, of inbox rows that no record can match any more, and of idempotency keys.

Sent rows stay for the retention period, so that a lost broker can be refilled; then events move to the archive. Inbox
rows outlive the longest retention of a topic and that of the outbox by a day, so that nothing is forgotten that may
still arrive.
"""

from __future__ import annotations

from datetime import timedelta

from shared.contracts.topics import TOPICS
from shared.runtime.background.periodic_task import PeriodicTask
from shared.runtime.core.ids import lowest_id_at
from shared.runtime.core.settings import ServiceSettings
from shared.runtime.database.transaction import Database
from shared.runtime.messaging.event_archive import archive_sent
from shared.runtime.messaging.inbox.dedup import FIRST_OWN_ID

BATCH = 5_000
INTERVAL_SECONDS = 600.0

# Old rows lie together, at the left end of the index of ids or in that of the rows of other systems.
_DELETE_INBOX = f"""
DELETE FROM inbox WHERE ctid = ANY (
    ARRAY(SELECT ctid FROM inbox
           WHERE id >= '{FIRST_OWN_ID}' AND id < :before AND passed_at < :passed_before ORDER BY id LIMIT :batch)
 || ARRAY(SELECT ctid FROM inbox
           WHERE id < '{FIRST_OWN_ID}' AND passed_at < :passed_before ORDER BY passed_at LIMIT :batch))
"""
_DELETE_KEYS = "DELETE FROM idempotency_keys WHERE created_at < now() - interval '24 hours'"


class Retention:
    """Deletion, in batches, of rows whose retention period has ended."""

    def __init__(self, database: Database, settings: ServiceSettings) -> None:
        self._database = database
        self._outbox_days = settings.outbox_retention_days
        self._inbox_days = (
            max(topic.retention_days or 0 for topic in TOPICS) + settings.outbox_retention_days + 1
        )

    def task(self) -> PeriodicTask:
        """Return the task that runs it every ten minutes."""
        return PeriodicTask("retention", INTERVAL_SECONDS, self.delete_batch)

    async def delete_batch(self) -> bool:
        """Delete one batch of each kind and return whether more is due."""
        async with self._database.transaction() as tx:
            archived = await archive_sent(tx, days=self._outbox_days, batch=BATCH)
            before = tx.now - timedelta(days=self._inbox_days)
            parameters = {"before": lowest_id_at(before), "passed_before": before, "batch": BATCH}
            inbox = await tx.execute(_DELETE_INBOX, parameters)
            await tx.execute(_DELETE_KEYS)
        return archived == BATCH or inbox.rowcount >= BATCH

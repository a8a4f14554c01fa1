"""Processing of fetched batches. Committing the offset is the last step by construction.

A batch is one transaction: inbox rows for every record, the new messages to their handlers, what they emit; COMMIT;
then the offsets. A batch that fails is halved until the failing record stands alone. A rejected record becomes
a dead letter; a transient failure is waited out in place; anything else is a bug and ends the process, so that it
restarts clean.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from sqlalchemy.exc import DBAPIError

from shared.runtime.core.backoff import Backoff
from shared.runtime.core.errors import Rejected, is_invalid_value, is_transient
from shared.runtime.database.transaction import Database, Transaction
from shared.runtime.messaging.inbox.dead_letters import count_recent_dead_letters, write_dead_letter
from shared.runtime.messaging.inbox.decoding import (
    DecodedRecord,
    Record,
    decode_record,
    group_preserving_order,
)
from shared.runtime.messaging.inbox.dedup import dedup_id, new_in_batch, record_batch
from shared.runtime.messaging.inbox.subscription import Subscription
from shared.runtime.observability.health import Heartbeat
from shared.runtime.observability.logging import describe_error, get_logger
from shared.runtime.observability.tracing import traced

COMMIT_TIMEOUT_SECONDS = 3.0
log = get_logger("consumer")


class DeadLetterLimitError(Exception):
    """Too many dead letters in one hour. The consumer stands still until an operator or the hour ends it."""


@dataclass(slots=True)
class BatchProcessor:
    """Processor of the batches of one consumer group.

    `handled` holds the next offset to handle of every partition, for the lag.
    """

    subscription: Subscription
    database: Database
    heartbeat: Heartbeat
    dead_letter_limit_per_hour: int
    handled: dict[TopicPartition, int] = field(default_factory=dict)

    async def consume(self, records: Sequence[Record], consumer: AIOKafkaConsumer) -> None:
        """Process a fetched batch and commit its offsets. Raises only what is a bug."""
        self.heartbeat.beat()
        await self._process([decode_record(record, self.subscription.handlers) for record in records])
        offsets: dict[TopicPartition, int] = {}
        for record in records:
            partition = TopicPartition(record.topic, record.partition)
            offsets[partition] = max(offsets.get(partition, 0), record.offset + 1)
        self.handled.update(offsets)
        self.heartbeat.beat()
        try:
            async with asyncio.timeout(COMMIT_TIMEOUT_SECONDS):
                await consumer.commit(offsets)
        except (CommitFailedError, IllegalStateError, KafkaError, TimeoutError, AssertionError) as error:
            # The partitions were or are being reassigned: their next owner reads the records again, and the inbox
            # skips those that are done. aiokafka asserts where a broker that has just started names no leader yet.
            log.info("offsets.not_committed", group=self.subscription.group, **describe_error(error))

    def lag(self, consumer: AIOKafkaConsumer) -> int:
        """Return how many records the broker had at the last fetch that this group has not handled yet."""
        total = 0
        for partition in consumer.assignment():
            high_watermark = consumer.highwater(partition)
            if high_watermark is not None and partition in self.handled:
                total += max(0, high_watermark - self.handled[partition])
        return total

    async def _process(self, records: Sequence[DecodedRecord]) -> None:
        """Apply records, halving a batch that contains a rejected one and waiting out transient failures."""
        backoff = Backoff()
        rejection: Rejected | None = None
        while True:
            try:
                await (self._apply(records) if rejection is None else self._reject(records[0], rejection))
            except (Rejected, DeadLetterLimitError) as error:
                if len(records) > 1:
                    middle = len(records) // 2
                    await self._process(records[:middle])
                    await self._process(records[middle:])
                    return
                if isinstance(error, Rejected):
                    rejection = error
                    continue
                self.heartbeat.degrade("too many dead letters in one hour")
                log.error("consumer.stopped", group=self.subscription.group)
            except Exception as error:
                if not is_transient(error):
                    raise
                self.heartbeat.degrade("database does not answer")
                log.warning("batch.retried", group=self.subscription.group, **describe_error(error))
            else:
                return
            await backoff.wait()

    async def _apply(self, records: Sequence[DecodedRecord]) -> None:
        async with self._recorded(records) as (tx, new_records):
            for record in new_records:
                if record.fault is not None:
                    await self._park(tx, record, record.fault.reason, record.fault.detail)
            messages = [record.received for record in new_records if record.received is not None]
            try:
                for kind, group in group_preserving_order(messages):
                    with traced(group[0].traceparent):
                        await self.subscription.handlers[kind](tx, group)
            except DBAPIError as error:
                if is_invalid_value(error):
                    raise Rejected("value_cannot_be_stored") from error
                raise
        if messages and self.subscription.after_commit is not None:
            self.subscription.after_commit()
            await asyncio.sleep(0)  # let what it has started run before the offsets are committed

    async def _reject(self, record: DecodedRecord, error: Rejected) -> None:
        async with self._recorded([record]) as (tx, new_records):
            if new_records:
                await self._park(tx, record, error.reason, error.detail)

    @asynccontextmanager
    async def _recorded(
        self, records: Sequence[DecodedRecord]
    ) -> AsyncIterator[tuple[Transaction, Sequence[DecodedRecord]]]:
        """Begin a transaction by recording the batch in the inbox; yield it with the records that were new."""
        group = self.subscription.group
        ids = [dedup_id(*record.identity) for record in records]
        async with self.database.transaction(first=record_batch(group, ids)) as (tx, new):
            yield tx, _first_of_each(records, ids, await new_in_batch(tx, group, ids, new))

    async def _park(self, tx: Transaction, record: DecodedRecord, reason: str, detail: str) -> None:
        """Write a dead letter. Raises DeadLetterLimitError beyond the limit, so that no topic is emptied into it."""
        recent = await count_recent_dead_letters(tx, self.subscription.group)
        if recent >= self.dead_letter_limit_per_hour:
            raise DeadLetterLimitError
        await write_dead_letter(tx, self.subscription.group, record, reason, detail)
        log.warning(
            "message.parked",
            group=self.subscription.group,
            topic=record.record.topic,
            partition=record.record.partition,
            offset=record.record.offset,
            reason=reason,
        )


def _first_of_each(
    records: Sequence[DecodedRecord], ids: Sequence[str], new_ids: set[str]
) -> Sequence[DecodedRecord]:
    """Return the first record of each new deduplication id."""
    if len(new_ids) == len(records):
        return records
    remaining = set(new_ids)
    first_records = []
    for record_id, record in zip(ids, records, strict=True):
        if record_id in remaining:
            remaining.discard(record_id)
            first_records.append(record)
    return first_records

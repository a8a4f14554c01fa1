"""The one consumer wrapper. Committing the offset is the last step by construction.

A batch is one transaction: inbox rows for every record, the new messages to their handlers, what they emit; COMMIT;
then the offsets. A batch that fails is halved until the failing record stands alone. A rejected record becomes a dead
letter; a transient failure is waited out in place; anything else is a bug and ends the process, so that it restarts
clean.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from sqlalchemy.exc import DBAPIError

from shared.contracts.message import Message
from shared.runtime.batch import Entry, Record, read, waves
from shared.runtime.database import Database, Transaction
from shared.runtime.dead_letters import park, parked_in_last_hour
from shared.runtime.errors import Rejected, is_invalid_value, is_transient
from shared.runtime.fetching import BULK_RECORDS
from shared.runtime.health import Progress
from shared.runtime.inbox import mark_of, passed, passing
from shared.runtime.logging import describe, get_logger
from shared.runtime.retry import Backoff
from shared.runtime.tracing import tracing

COMMIT_WITHIN_SECONDS = 3.0
Handler = Callable[[Transaction, Sequence[Any]], Awaitable[None]]
log = get_logger("consumer")


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a consumer group does: its topics follow from the list of topics.

    A handler gets `(transaction, messages)`: messages of one type, in order per aggregate, none seen before by the
    group. `after_commit` is called after a batch that handled something was committed. `yields_seconds`: how long a few
    records wait before they are worked on, so that what somebody waits for has the machine first.
    """

    group: str
    handlers: Mapping[type[Message], Handler]
    after_commit: Callable[[], None] | None = None
    yields_seconds: float = 0.0


@dataclass(slots=True)
class Worker:
    """Works through the batches of one group."""

    subscription: Subscription
    database: Database
    progress: Progress
    dead_letter_limit_per_hour: int
    handled: dict[TopicPartition, int] = field(default_factory=dict)

    async def consume(self, records: Sequence[Record], consumer: AIOKafkaConsumer) -> None:
        """Work through a fetched batch and commit its offsets; raises only what is a bug."""
        if len(records) < BULK_RECORDS and self.subscription.yields_seconds:
            await asyncio.sleep(self.subscription.yields_seconds)
        self.progress.beat()
        entries = [read(record, self.subscription.handlers) for record in records]
        await self._work(entries)
        offsets: dict[TopicPartition, int] = {}
        for record in records:
            partition = TopicPartition(record.topic, record.partition)
            offsets[partition] = max(offsets.get(partition, 0), record.offset + 1)
        self.handled.update(offsets)
        self.progress.beat()
        try:
            async with asyncio.timeout(COMMIT_WITHIN_SECONDS):
                await consumer.commit(offsets)
        except (CommitFailedError, IllegalStateError, KafkaError, TimeoutError, AssertionError) as error:
            # The partitions moved on meanwhile, or move: the broker answers nothing else while a member is awaited.
            # Their next owner reads again and the inbox passes what is done. The client (aiokafka) asserts where a
            # broker that has just started names no broker yet.
            log.info("offsets.not_committed", group=self.subscription.group, **describe(error))

    async def _work(self, entries: Sequence[Entry]) -> None:
        """Apply entries, halving a batch that holds a rejected record, waiting out what is transient."""
        backoff = Backoff()
        rejection: Rejected | None = None
        while True:
            try:
                await (self._apply(entries) if rejection is None else self._reject(entries[0], rejection))
            except (Rejected, DeadLetterLimitError) as error:
                if len(entries) > 1:
                    middle = len(entries) // 2
                    await self._work(entries[:middle])
                    await self._work(entries[middle:])
                    return
                if isinstance(error, Rejected):
                    rejection = error
                    continue
                self.progress.stall("too many dead letters in one hour")
                log.error("consumer.stopped", group=self.subscription.group)
            except Exception as error:
                if not is_transient(error):
                    raise
                self.progress.stall("database does not answer")
                log.warning("batch.retried", group=self.subscription.group, **describe(error))
            else:
                return
            await backoff.wait()

    async def _apply(self, entries: Sequence[Entry]) -> None:
        async with self._passing(entries) as (transaction, fresh):
            for entry in fresh:
                if entry.fault is not None:
                    await self._park(transaction, entry, entry.fault.reason, entry.fault.detail)
            messages = [entry.received for entry in fresh if entry.received is not None]
            try:
                for kind, run in waves(messages):
                    with tracing(run[0].traceparent):
                        await self.subscription.handlers[kind](transaction, run)
            except DBAPIError as error:
                if is_invalid_value(error):
                    raise Rejected("value_cannot_be_stored") from error
                raise
        if messages and self.subscription.after_commit is not None:
            self.subscription.after_commit()
            await asyncio.sleep(0)  # what it began runs before the offsets are written

    @asynccontextmanager
    async def _passing(self, entries: Sequence[Entry]) -> AsyncIterator[tuple[Transaction, Sequence[Entry]]]:
        """A transaction that begins by remembering the entries, and those that the group had not passed, each once."""
        group, marks = self.subscription.group, [mark_of(*entry.identity) for entry in entries]
        async with self.database.transaction(opening=passing(group, marks)) as transaction:
            yield transaction, _each_once(entries, marks, await passed(transaction, group, marks))

    async def _reject(self, entry: Entry, error: Rejected) -> None:
        async with self._passing([entry]) as (transaction, fresh):
            if fresh:
                await self._park(transaction, entry, error.reason, error.detail)

    async def _park(self, transaction: Transaction, entry: Entry, reason: str, detail: str) -> None:
        """Write the dead letter, unless too much was bad lately: then stand still instead of emptying the topic."""
        recent = await parked_in_last_hour(transaction, self.subscription.group)
        if recent >= self.dead_letter_limit_per_hour:
            raise DeadLetterLimitError
        await park(transaction, self.subscription.group, entry, reason, detail)
        log.warning(
            "message.parked",
            group=self.subscription.group,
            topic=entry.record.topic,
            partition=entry.record.partition,
            offset=entry.record.offset,
            reason=reason,
        )

    def lag(self, consumer: AIOKafkaConsumer) -> int:
        """Records that the broker has and this group has not handled yet, as far as the last fetch told."""
        total = 0
        for partition in consumer.assignment():
            high = consumer.highwater(partition)
            if high is not None and partition in self.handled:
                total += max(0, high - self.handled[partition])
        return total


def _each_once(entries: Sequence[Entry], marks: Sequence[str], new: set[str]) -> Sequence[Entry]:
    """The first entry of each mark that is new."""
    if len(new) == len(entries):
        return entries
    fresh = []
    for mark, entry in zip(marks, entries, strict=True):
        if mark in new:
            new.discard(mark)
            fresh.append(entry)
    return fresh


class DeadLetterLimitError(Exception):
    """Too many dead letters in one hour; an operator or time lifts it."""

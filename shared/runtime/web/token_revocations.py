"""Revoked API tokens: the content of `dashboard.access`, known to every process that accepts tokens.

Each process reads the topic from its beginning and without a consumer group, so that every replica learns of every
revocation. Until it has read to the end once, it is not ready and accepts no API token. While the broker is away it
goes on with what it has read (decision 10).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

from aiokafka import TopicPartition

from shared.contracts.dashboard import AccessTokenRevoked
from shared.contracts.topics import DASHBOARD_ACCESS
from shared.runtime.core.backoff import Backoff
from shared.runtime.core.errors import is_transient
from shared.runtime.messaging.broker.client import Kafka
from shared.runtime.messaging.inbox.decoding import Record, decode_record
from shared.runtime.messaging.inbox.kafka_consumers import create_reader
from shared.runtime.observability.health import Health
from shared.runtime.observability.logging import describe_error, get_logger
from shared.runtime.web.problem_details import unavailable_problem

POLL_MILLISECONDS = 5_000
FIRST_POLL_MILLISECONDS = 100
WAIT_SECONDS = 2.0
REREAD_SECONDS = 60.0
READ_TIMEOUT_SECONDS = 30.0
log = get_logger("revocations")


class TokenRevocations:
    """Ids of all revoked tokens. `run()` keeps them up to date until cancelled."""

    def __init__(self, kafka: Kafka, health: Health, *, reread_seconds: float = REREAD_SECONDS) -> None:
        self._kafka = kafka
        self._reread_seconds = reread_seconds
        self._ids: set[str] = set()
        self._complete = asyncio.Event()
        self._callbacks: list[Callable[[], None]] = []
        health.check("revocations", lambda: None if self._complete.is_set() else "not read yet")

    def on_revoked(self, callback: Callable[[], None]) -> None:
        """Call `callback` whenever a token is revoked that was not revoked before."""
        self._callbacks.append(callback)

    async def is_revoked(self, token_id: str) -> bool:
        """Return whether the token is revoked. Raises Problem 503 if that is not known within two seconds."""
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self._complete.wait()
        except TimeoutError:
            raise unavailable_problem() from None
        return token_id in self._ids

    def is_known_revoked(self, token_id: str) -> bool:
        """Return whether this process has read that the token is revoked."""
        return token_id in self._ids

    async def run(self) -> None:
        """Follow the topic until cancelled, waiting for a broker that is away."""
        backoff = Backoff(first=0.2)
        while True:
            try:
                await self._follow(backoff)
            except Exception as error:
                if not is_transient(error):
                    raise
                log.warning("revocations.interrupted", **describe_error(error))
            await backoff.wait()

    async def _follow(self, backoff: Backoff) -> None:
        """Follow the topic for a while, from its beginning.

        A broker that lost its log begins a new one, behind whose end a reader with an old position would wait.
        """
        reread_at = time.monotonic() + self._reread_seconds
        async with RevocationReader(self._kafka) as reader:
            while time.monotonic() < reread_at:
                remaining = 1_000 * (reread_at - time.monotonic())
                wait = POLL_MILLISECONDS if self._complete.is_set() else FIRST_POLL_MILLISECONDS
                new_ids = await reader.next(max(1, min(wait, int(remaining)))) - self._ids
                self._ids |= new_ids
                for callback in self._callbacks if new_ids else ():
                    callback()
                if not self._complete.is_set() and await reader.at_end():
                    log.info("revocations.read", known=len(self._ids))
                    self._complete.set()
                backoff.reset()


async def read_revocations(kafka: Kafka) -> set[str]:
    """Return the ids of the tokens that the topic names as revoked at present.

    Raises KafkaError, and TimeoutError after 30 s.
    """
    revoked: set[str] = set()
    async with asyncio.timeout(READ_TIMEOUT_SECONDS), RevocationReader(kafka) as reader:
        while not await reader.at_end():
            revoked |= await reader.next(100)
    return revoked


class RevocationReader:
    """Reader of the topic from its beginning."""

    def __init__(self, kafka: Kafka) -> None:
        name = kafka.name(DASHBOARD_ACCESS.name)
        self._partitions = [TopicPartition(name, number) for number in range(DASHBOARD_ACCESS.partitions)]
        self._consumer = create_reader(kafka)
        self._ends: dict[TopicPartition, int] = {}

    async def __aenter__(self) -> Self:
        try:
            await self._consumer.start()
            self._consumer.assign(self._partitions)
            self._ends = await self._consumer.end_offsets(self._partitions)
        except BaseException:
            await self._consumer.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._consumer.stop()

    async def next(self, milliseconds: int) -> set[str]:
        """Return the ids in the records that have arrived; none if nothing arrived in time."""
        try:
            async with asyncio.timeout(milliseconds / 1000):
                fetched = await self._consumer.getmany()
        except TimeoutError:
            return set()
        return {token_id for records in fetched.values() for token_id in _token_ids(records)}

    async def at_end(self) -> bool:
        """Return whether all records have been read that existed when reading began."""
        positions = [await self._consumer.position(partition) for partition in self._partitions]
        return all(
            position >= self._ends[partition]
            for partition, position in zip(self._partitions, positions, strict=True)
        )


def _token_ids(records: Iterable[Record]) -> Iterable[str]:
    for record in records:
        decoded = decode_record(record, (AccessTokenRevoked,))
        if decoded.received is not None:
            yield decoded.received.aggregate_id
        elif decoded.fault is not None:
            log.error("revocation.unreadable", offset=record.offset, reason=decoded.fault.reason)

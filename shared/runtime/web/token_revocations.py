"""Revoked tokens: what `dashboard.access` says, known to every process that takes tokens.

Each process reads the topic for itself, from its beginning and without a consumer group, so that every replica learns
of every revocation. Until it has come to the end once, it is not ready and takes no token of a program. While the bus
is away it goes on with what it knows (decision 10).
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
PATIENCE_SECONDS = 2.0
REREAD_SECONDS = 60.0
READ_WITHIN_SECONDS = 30.0
log = get_logger("revocations")


class TokenRevocations:
    """The ids of all revoked tokens. `run()` keeps them up to date until cancelled."""

    def __init__(self, kafka: Kafka, health: Health, *, reread_seconds: float = REREAD_SECONDS) -> None:
        self._kafka = kafka
        self._reread_seconds = reread_seconds
        self._ids: set[str] = set()
        self._complete = asyncio.Event()
        self._hearings: list[Callable[[], None]] = []
        health.check("revocations", lambda: None if self._complete.is_set() else "not read yet")

    def on_revoked(self, hearing: Callable[[], None]) -> None:
        """Call `hearing` whenever a token is revoked that was not before."""
        self._hearings.append(hearing)

    async def include(self, token_id: str) -> bool:
        """Whether the token is revoked. Raises Problem 503 when that is not known, also after two seconds."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._complete.wait()
        except TimeoutError:
            raise unavailable_problem() from None
        return token_id in self._ids

    def heard(self, token_id: str) -> bool:
        """Whether this process has heard on the bus that the token is revoked."""
        return token_id in self._ids

    async def run(self) -> None:
        """Follow the topic; a broker that is away is waited for."""
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
        """Follow for a while, from the beginning.

        A broker that lost its log begins a new one; a reader whose place is that one's end would wait behind it.
        """
        again_at = time.monotonic() + self._reread_seconds
        async with RevocationReader(self._kafka) as reader:
            while time.monotonic() < again_at:
                left = 1_000 * (again_at - time.monotonic())
                patience = POLL_MILLISECONDS if self._complete.is_set() else FIRST_POLL_MILLISECONDS
                found = await reader.next(max(1, min(patience, int(left)))) - self._ids
                self._ids |= found
                for hearing in self._hearings if found else ():
                    hearing()
                if not self._complete.is_set() and await reader.at_end():
                    log.info("revocations.read", known=len(self._ids))
                    self._complete.set()
                backoff.reset()


async def read_revocations(kafka: Kafka) -> set[str]:
    """The ids of the tokens that the topic says are revoked, now. Raises KafkaError, and TimeoutError after 30 s."""
    known: set[str] = set()
    async with asyncio.timeout(READ_WITHIN_SECONDS), RevocationReader(kafka) as reader:
        while not await reader.at_end():
            known |= await reader.next(100)
    return known


class RevocationReader:
    """From the topic's beginning on."""

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
        """The ids in the records that have come; none when nothing came within the time."""
        try:
            async with asyncio.timeout(milliseconds / 1000):
                fetched = await self._consumer.getmany()
        except TimeoutError:
            return set()
        return {one for records in fetched.values() for one in _ids(records)}

    async def at_end(self) -> bool:
        """Whether all is read that was there when reading began."""
        positions = [await self._consumer.position(one) for one in self._partitions]
        return all(at >= self._ends[one] for one, at in zip(self._partitions, positions, strict=True))


def _ids(records: Iterable[Record]) -> Iterable[str]:
    for record in records:
        entry = decode_record(record, (AccessTokenRevoked,))
        if entry.received is not None:
            yield entry.received.aggregate_id
        elif entry.fault is not None:
            log.error("revocation.unreadable", offset=record.offset, reason=entry.fault.reason)

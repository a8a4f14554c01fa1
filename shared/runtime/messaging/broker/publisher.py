"""Publishing of records in whole batches per partition.

The library's `send` creates a future, a partition name and a log entry for every record: 70 us each, where a batch
that is built here costs 15. The delivery promises rest on the sender, which is the same for both: it numbers a batch
when it leaves (producer id, epoch, sequence), sends one at a time to a partition, and repeats it in its place.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import Any

from aiokafka import AIOKafkaProducer

from shared.runtime.messaging.broker.client import Kafka, abort_producer
from shared.runtime.messaging.broker.partitioner import choose_partition
from shared.runtime.observability.logging import describe_error, get_logger

Headers = Sequence[tuple[str, bytes]]
Record = tuple[str, bytes, bytes, Headers]
"""Topic as the broker names it, key, value, headers."""


log = get_logger("publishing")


class Publisher:
    """Producer that is started when it is needed, and again after `disconnect()`."""

    def __init__(self, kafka: Kafka) -> None:
        self._kafka = kafka
        self._producer: AIOKafkaProducer | None = None

    async def publish(self, records: Iterable[Record]) -> None:
        """Publish records like the function `publish`. If it raises, call `disconnect()`."""
        if self._producer is None:
            producer = self._kafka.producer()
            try:
                await producer.start()
            except BaseException:
                await abort_producer(producer)
                raise
            self._producer = producer
        await publish(self._producer, records)

    async def disconnect(self) -> None:
        """Close the producer and discard the records it still holds."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        try:
            async with asyncio.timeout(5):
                await abort_producer(producer)
        except Exception as error:  # noqa: BLE001 - it is thrown away either way
            log.info("producer.abandoned", **describe_error(error))


async def publish(producer: AIOKafkaProducer, records: Iterable[Record]) -> None:
    """Publish records and wait until the broker has acknowledged all of them. Records with one key keep their order.

    Raises KafkaError. If it raises or is cancelled, it is unknown which records were stored, and the producer would go
    on in the background: close it.
    """
    batches = await _built(producer, records)
    futures: list[asyncio.Future[Any]] = []
    # First the first batch of every partition, which leave in one request; there is seldom a second one.
    for wave in zip_longest(*batches.values()):
        for (topic, partition), batch in zip(batches, wave, strict=True):
            if batch is not None:
                futures.append(await producer.send_batch(batch, topic, partition=partition))
    await asyncio.gather(*futures)


async def _built(producer: AIOKafkaProducer, records: Iterable[Record]) -> dict[tuple[str, int], list[Any]]:
    """Build the batches of each topic and partition, in the order in which they are to leave."""
    partitions: dict[str, list[int]] = {}
    batches: defaultdict[tuple[str, int], list[Any]] = defaultdict(list)
    for topic, key, value, headers in records:
        if topic not in partitions:
            partitions[topic] = sorted(await producer.partitions_for(topic))
        there = batches[topic, choose_partition(key, partitions[topic], ())]
        added = there[-1].append(key=key, value=value, headers=headers, timestamp=None) if there else None
        if added is None:  # the first, or no room for it: a batch takes at least one, whatever its size
            there.append(producer.create_batch())
            there[-1].append(key=key, value=value, headers=headers, timestamp=None)
    for there in batches.values():
        for batch in there:
            batch.close()
    return batches

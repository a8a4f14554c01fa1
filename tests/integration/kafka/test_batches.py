"""Batches that are built by hand: numbered, repeated and kept apart as the library does it for single records."""

from typing import Any

import pytest
from aiokafka.errors import KafkaError, RequestTimedOutError
from aiokafka.partitioner import murmur2
from aiokafka.protocol.produce import ProduceRequest

from shared.contracts.envelope import MAX_VALUE_BYTES
from shared.runtime.messaging.broker.publisher import publish
from tests.integration.kafka.driver import KafkaDriver, read

_LOST = 3
_BATCHES = 4


async def test_i4_an_answer_that_is_lost_costs_neither_order_nor_a_record(
    kafka: KafkaDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """aiokafka: `send_batch` numbers a batch when it leaves; repeated in its place, the broker keeps it once."""
    topic = await kafka.topic()
    producer = await kafka.our_producer()
    sent = producer.client.send
    requests = 0

    async def send(node: int, request: Any, **named: Any) -> Any:
        nonlocal requests
        answer = await sent(node, request, **named)
        if isinstance(request, ProduceRequest):
            requests += 1
            if requests <= _LOST:
                raise RequestTimedOutError
        return answer

    monkeypatch.setattr(producer.client, "send", send)
    filling = b"." * (MAX_VALUE_BYTES // 1_000)
    await publish(producer, ((topic, b"one", b"%d " % n + filling, [("n", b"%d" % n)]) for n in range(3_500)))
    assert requests == _LOST + _BATCHES
    records = await read(await kafka.consumer(topic), 3_500)
    assert [int(record.value.split()[0]) for record in records] == list(range(3_500))
    assert [record.headers for record in records] == [(("n", b"%d" % n),) for n in range(3_500)]


async def test_the_largest_message_has_a_batch_of_its_own_among_small_ones(kafka: KafkaDriver) -> None:
    """aiokafka: a batch takes its first record whatever its size, and no other beyond its own."""
    topic = await kafka.topic()
    producer = await kafka.our_producer()
    sizes = [10, MAX_VALUE_BYTES, 10, MAX_VALUE_BYTES, MAX_VALUE_BYTES, 10]
    await publish(producer, [(topic, b"one", b"x" * size, [("h", b"y" * 2_000)]) for size in sizes])
    records = await read(await kafka.consumer(topic), len(sizes))
    assert [len(record.value) for record in records] == sizes


async def test_each_record_is_where_a_java_producer_would_put_it(kafka: KafkaDriver) -> None:
    """Order of a key holds across producers, whichever way they publish."""
    topic = await kafka.topic(partitions=7)
    producer = await kafka.our_producer()
    keys = [b"key %d" % n for n in range(100)]
    await publish(producer, [(topic, key, b"%d" % n, []) for n in range(3) for key in keys])
    found: dict[bytes, list[tuple[int, int]]] = {}
    for record in await read(await kafka.consumer(topic), 300):
        found.setdefault(record.key, []).append((record.partition, int(record.value)))
    assert found == {key: [((murmur2(key) & 0x7FFFFFFF) % 7, n) for n in range(3)] for key in keys}


async def test_what_the_broker_refuses_is_raised(kafka: KafkaDriver) -> None:
    topic = await kafka.topic(partitions=1, **{"max.message.bytes": "1000"})
    with pytest.raises(KafkaError):
        await publish(await kafka.our_producer(), [(topic, b"one", b"x" * 5_000, [])])

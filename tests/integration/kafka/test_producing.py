"""Order on a partition is the order of sending, and an acknowledgement means kept."""

import asyncio
import inspect
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from itertools import groupby
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import murmur2

from shared.runtime.messaging.broker.client import abort_producer
from tests.integration.kafka.driver import KafkaDriver, read
from tests.support.brokers.base import Broker, Unavailable
from tests.support.brokers.kafka import KafkaFromJars, start_kafka


async def test_the_defaults_are_not_what_we_promise(kafka: KafkaDriver) -> None:
    """aiokafka: the leader's word alone and no idempotence, unless told otherwise; ours is told otherwise.

    What one broker can show ends here: it counts itself as all replicas, whatever `min.insync.replicas` says.
    """
    defaults = inspect.signature(AIOKafkaProducer.__init__).parameters
    assert defaults["enable_idempotence"].default is False
    bare, ours = await kafka.producer(), await kafka.our_producer()
    assert (bare._sender._acks, ours._sender._acks) == (1, -1)
    assert ours._txn_manager is not None


async def test_i4_pipelined_records_keep_the_order_in_which_they_were_sent(kafka: KafkaDriver) -> None:
    """aiokafka: `send` in a row, acknowledgements awaited together, is one order on the partition."""
    topic = await kafka.topic()
    producer = await kafka.our_producer()
    futures = [await producer.send(topic, b"%d" % number, key=b"one") for number in range(2_000)]
    await asyncio.gather(*futures)
    values = [int(record.value) for record in await read(await kafka.consumer(topic), 2_000)]
    assert values == list(range(2_000))


@pytest.mark.parametrize(
    ("key", "hashed"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
    ],
)
async def test_a_key_goes_where_a_java_producer_would_put_it(
    kafka: KafkaDriver, key: bytes, hashed: int
) -> None:
    """Keys are hashed as Kafka's own client does (values of its UtilsTest), so order holds across producers."""
    assert murmur2(key) == hashed & 0xFFFFFFFF
    topic = await kafka.topic(partitions=7)
    sent = await (await kafka.our_producer()).send_and_wait(topic, b"", key=key)
    assert sent.partition == (hashed & 0x7FFFFFFF) % 7


@pytest.fixture(params=[pytest.param("kafka", marks=[pytest.mark.kafka])])
async def mortal(tmp_path: Path) -> AsyncIterator[tuple[KafkaFromJars, KafkaDriver]]:
    """Start an Apache Kafka that the test may stop, and its driver."""
    try:
        running = start_kafka(tmp_path)
    except Unavailable as reason:
        pytest.skip(str(reason))
    try:
        if not isinstance(running, KafkaFromJars):
            pytest.skip("Apache Kafka here is not ours to stop")
        async with AsyncExitStack() as stack:
            yield running, KafkaDriver(Broker(running.bootstrap, "kafka", running), stack)
    finally:
        running.stop()


async def test_i1_an_idempotent_producer_never_gives_up_and_ours_is_ended_with_what_it_holds(
    mortal: tuple[KafkaFromJars, KafkaDriver],
) -> None:
    """It repeats for ever while the broker is silent, and its `stop` waits for that.

    So the relay has a time limit of its own, abandons the producer and publishes the rows again by a new one.
    """
    running, kafka = mortal
    topic = await kafka.topic()
    old = AIOKafkaProducer(
        bootstrap_servers=kafka.broker.bootstrap,
        acks="all",
        enable_idempotence=True,
        request_timeout_ms=2_000,
    )
    await old.start()
    await old.send_and_wait(topic, b"known")
    running.pause()
    try:
        under_way = await old.send(topic, b"under way")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(under_way), 5)
        await old.send(topic, b"waiting", partition=0)
        async with asyncio.timeout(20):
            await abort_producer(old)
        assert old._sender.sender_task.done()
    finally:
        running.resume()
    new = await kafka.our_producer()
    for value in (b"under way", b"waiting", b"after"):
        await new.send_and_wait(topic, value)
    consumer = await kafka.consumer(topic)
    values: list[bytes | None] = []
    while b"after" not in values:
        values += [record.value for record in await read(consumer, 1)]
    # What the silent broker had in its ear may come first, and then once more: never after what is newer.
    assert [value for value, _ in groupby(values)] == [b"known", b"under way", b"waiting", b"after"]

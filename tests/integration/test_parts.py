"""The parts that the other tests stand on are the real ones."""

from aiokafka import AIOKafkaConsumer

from shared.contracts.topics import TOPICS
from shared.runtime.database import Database
from tests.support.brokers.base import Broker
from tests.support.brokers.topics import create_topics, kafka_of


async def test_a_database_of_ones_own_that_a_plain_role_owns(empty_database_url: str) -> None:
    async with (
        Database(empty_database_url, schema="public") as database,
        database.transaction() as transaction,
    ):
        assert await transaction.scalar("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
        assert await transaction.scalar("SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False
        version = await transaction.scalar("SHOW server_version_num")
        assert int(version) >= 180_000


async def test_a_record_goes_through_the_broker(broker: Broker) -> None:
    await create_topics(broker)
    topic = kafka_of(broker).name(TOPICS[0].name)
    producer = kafka_of(broker).producer()
    await producer.start()
    await producer.send_and_wait(topic, b"value", key=b"key")
    await producer.stop()

    consumer = AIOKafkaConsumer(topic, bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    record = await consumer.getone()
    await consumer.stop()
    assert (record.key, record.value) == (b"key", b"value")

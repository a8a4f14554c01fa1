"""PostgreSQL and the brokers of the other tests are the real ones."""

from aiokafka import AIOKafkaConsumer
from sqlalchemy import text

from shared.contracts.topics import TOPICS
from shared.runtime.database import create_engine
from tests.support.brokers.base import Broker
from tests.support.brokers.topics import create_topics, kafka_of
from tests.support.postgres import as_owner


async def test_a_database_of_ones_own_that_a_plain_role_owns(empty_database_url: str) -> None:
    """The database has no tables and no roles of services; the connection is the owner's, as that of migrations."""
    engine = create_engine(as_owner(empty_database_url), schema="public")
    async with engine.connect() as connection:
        query = "SELECT (SELECT count(*) FROM pg_tables WHERE schemaname = 'public'), rolsuper FROM pg_roles"
        row = (await connection.execute(text(f"{query} WHERE rolname = current_user"))).one()
        assert tuple(row) == (0, False)
        version = (await connection.execute(text("SHOW server_version_num"))).scalar_one()
        assert int(version) >= 180_000
    await engine.dispose()


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

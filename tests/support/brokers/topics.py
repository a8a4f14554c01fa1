"""The product's topics on a test's broker."""

from aiokafka.admin import AIOKafkaAdminClient

from shared.runtime.messaging import Kafka
from tests.support.brokers.base import Broker


def kafka_of(broker: Broker) -> Kafka:
    """The product's own client options for this broker."""
    return Kafka(broker.bootstrap, profile=broker.profile, topic_prefix=broker.prefix)


async def create_topics(broker: Broker) -> None:
    """All topics of the product, under the test's prefix."""
    await kafka_of(broker).create_topics()


async def delete_topics(broker: Broker) -> None:
    """Every topic under the test's prefix, so that a broker which serves many tests stays small."""
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    try:
        names = [name for name in await admin.list_topics() if name.startswith(broker.prefix)]
        if names:
            await admin.delete_topics(names)
    finally:
        await admin.close()

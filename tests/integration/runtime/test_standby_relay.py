"""A process that only serves publishes in place of workers that do not, and only then."""

from __future__ import annotations

from uuid import uuid4

import pytest

from shared.runtime.messaging import Lane
from shared.runtime.messaging.outbox.relay import Relay
from shared.runtime.messaging.outbox.standby import StandbyRelay
from shared.runtime.messaging.outbox.store import OutboxStore
from shared.runtime.observability import Health
from tests.integration.runtime.driver import RuntimeDriver, added, runtime_driver
from tests.support.brokers.base import Broker
from tests.support.waiting import eventually

pytestmark = pytest.mark.parametrize("broker", ["embedded"], indirect=True)
AN_HOUR_SECONDS = 3_600.0


def _standby(driver: RuntimeDriver) -> StandbyRelay:
    def relay(lane: Lane) -> Relay:
        return Relay(driver.roster, driver.kafka, lane, Health(), poll_milliseconds=20)

    return StandbyRelay(driver.roster, relay, turn_seconds=1.0)


async def _emit_long_ago(driver: RuntimeDriver) -> None:
    await driver.emit(added())
    async with driver.roster.transaction() as tx:
        await tx.execute("UPDATE outbox SET created_at = created_at - interval '1 minute'")


async def test_i18_what_no_worker_publishes_is_published(database_url: str, broker: Broker) -> None:
    async with runtime_driver(database_url, broker) as driver:
        await _emit_long_ago(driver)

        async def published() -> None:
            await _standby(driver).poll()
            assert await driver.pending() == 0

        await eventually(published)
        async with driver.roster.transaction() as tx:
            assert await tx.scalar("SELECT count(*) FROM relay_lease") == 0, "a worker would wait"


async def test_a_worker_that_holds_the_lease_is_left_to_it(database_url: str, broker: Broker) -> None:
    async with runtime_driver(database_url, broker) as driver:
        await _emit_long_ago(driver)
        worker = OutboxStore(driver.roster, Lane.SINGLE.value)
        leads, _ = await worker.acquire_lease(uuid4(), AN_HOUR_SECONDS)
        assert leads
        worker.disconnect()
        await _standby(driver).poll()
        assert await driver.pending() == 1


async def test_what_has_just_been_written_is_left_to_the_workers(database_url: str, broker: Broker) -> None:
    """However long the machine takes for this test: to the database it was written in the future."""
    async with runtime_driver(database_url, broker) as driver:
        await driver.emit(added())
        async with driver.roster.transaction() as tx:
            await tx.execute("UPDATE outbox SET created_at = created_at + interval '1 hour'")
        await _standby(driver).poll()
        assert await driver.pending() == 1

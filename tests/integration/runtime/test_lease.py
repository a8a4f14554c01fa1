"""Whoever holds the relay's lease and stands still is overtaken."""

from __future__ import annotations

from uuid import uuid4

import pytest

from shared.runtime.messaging import Lane
from shared.runtime.messaging.outbox.relay import LEASE_SECONDS
from shared.runtime.messaging.outbox.store import OutboxStore
from tests.integration.runtime.driver import added, runtime_driver
from tests.support.brokers.base import Broker
from tests.support.waiting import eventually

_TAKEN_OVER_SECONDS = 45


@pytest.mark.parametrize("broker", ["embedded"], indirect=True)
async def test_i18_a_relay_that_stands_still_is_overtaken(database_url: str, broker: Broker) -> None:
    """It holds nothing but the lease between two statements, whatever it was about to do."""
    async with runtime_driver(database_url, broker) as driver:
        await driver.emit(added())
        stopped = OutboxStore(driver.roster, Lane.SINGLE)
        try:
            assert (await stopped.acquire_lease(uuid4(), LEASE_SECONDS))[0]
            assert len(await stopped.list_pending(10)) == 1

            async def published() -> None:
                assert await driver.pending() == 0

            async with driver.relaying():
                await eventually(published, within_seconds=_TAKEN_OVER_SECONDS)
        finally:
            stopped.disconnect()

"""Whoever holds the relay's lease and stands still is overtaken."""

from __future__ import annotations

from contextlib import AsyncExitStack
from uuid import uuid4

import pytest
from sqlalchemy.exc import DBAPIError

from shared.runtime.outbox import Lane
from shared.runtime.relay import _RENEW, LEASE_SECONDS
from tests.integration.runtime.stage import added, stage
from tests.support.brokers.base import Broker
from tests.support.waiting import eventually

_SOONER_THAN_AN_IDLE_TRANSACTION_ENDS_SECONDS = 45


@pytest.mark.parametrize("broker", ["embedded"], indirect=True)
async def test_i18_a_relay_stopped_within_its_transaction_is_overtaken(
    database_url: str, broker: Broker
) -> None:
    async with stage(database_url, broker) as scene:
        await scene.emit(added())
        stopped = AsyncExitStack()
        transaction = await stopped.enter_async_context(scene.roster.transaction(on_queue=True))
        lease = {"lane": Lane.SINGLE.value, "holder": uuid4(), "seconds": LEASE_SECONDS}
        await transaction.scalar(_RENEW, lease)

        async def published() -> None:
            assert await scene.pending() == 0

        async with scene.relaying():
            await eventually(published, within_seconds=_SOONER_THAN_AN_IDLE_TRANSACTION_ENDS_SECONDS)
        with pytest.raises(DBAPIError):
            await stopped.aclose()

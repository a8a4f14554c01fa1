"""Somebody leaves a transaction open and goes to lunch: what is committed beside it leaves as ever."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from tests.integration.runtime.driver import RuntimeDriver, added, runtime_driver
from tests.support.brokers.base import Broker
from tests.support.postgres import as_owner
from tests.support.waiting import eventually

_EVENTS = 100
_P99_SECONDS = 5.0


@asynccontextmanager
async def _left_open(url: str) -> AsyncIterator[None]:
    """Open a transaction with an id, which keeps the transaction horizon of the cluster, and leave it idle."""
    address = make_url(as_owner(url)).set(drivername="postgresql").render_as_string()
    connection = await asyncpg.connect(address)
    try:
        await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        assert await connection.fetchval("SELECT pg_current_xact_id()::text")
        yield
        assert await connection.fetchval("SELECT pg_current_xact_id_if_assigned()::text")
    finally:
        await connection.close()


async def _lag_seconds(driver: RuntimeDriver) -> float:
    """From the commit of an event until it is published."""
    await driver.emit(added())
    committed = time.monotonic()

    async def published() -> None:
        assert await driver.pending() == 0

    await eventually(published, within_seconds=60)
    return time.monotonic() - committed


@pytest.mark.parametrize("broker", ["embedded"], indirect=True)
@pytest.mark.parametrize("where", ["ours", "another"])
async def test_i05_a_transaction_left_open_here_or_in_another_database_does_not_stop_publishing(
    where: str, database_url: str, empty_database_url: str, broker: Broker
) -> None:
    left_open = _left_open(database_url if where == "ours" else empty_database_url)
    async with runtime_driver(database_url, broker) as driver, left_open, driver.relaying():
        lags = sorted([await _lag_seconds(driver) for _ in range(_EVENTS)])
    assert lags[_EVENTS * 99 // 100 - 1] <= _P99_SECONDS

"""When a relay looks: at once behind a pause, gathered on the bulk lane, and hardly ever where there is nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from shared.runtime.messaging import Lane, emit
from shared.runtime.messaging.outbox import relay as relays
from shared.runtime.messaging.outbox.relay import BATCH, ENOUGH_MESSAGES, Relay
from shared.runtime.messaging.outbox.wakeups import wakeups_of
from shared.runtime.observability import Health
from tests.integration.runtime.driver import RuntimeDriver, added, runtime_driver
from tests.support.brokers.base import Broker
from tests.support.waiting import eventually

pytestmark = pytest.mark.parametrize("broker", ["embedded"], indirect=True)
_AN_HOUR = 3_600.0


class Watched(Relay):
    """Notes how many messages each of its rounds had, and what it asked of the database."""

    def __init__(self, driver: RuntimeDriver, lane: Lane, *, poll_milliseconds: int = 20) -> None:
        super().__init__(driver.roster, driver.kafka, lane, Health(), poll_milliseconds=poll_milliseconds)
        self.rounds: list[int] = []
        self.statements: list[str] = []
        for name in ("acquire_lease", "list_pending", "mark_sent"):
            self._watch(name)

    def _watch(self, name: str) -> None:
        run = getattr(self._store, name)

        async def recorded(*arguments: Any) -> Any:
            self.statements.append(name)
            return await run(*arguments)

        setattr(self._store, name, recorded)

    async def _publish(self, rows: Any) -> None:
        await super()._publish(rows)
        self.rounds.append(len(rows))


@asynccontextmanager
async def _running(relay: Relay) -> AsyncIterator[None]:
    task = asyncio.create_task(relay.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _emit(driver: RuntimeDriver, lane: Lane, count: int = 1) -> None:
    async with driver.roster.transaction() as tx:
        await emit(tx, *(added() for _ in range(count)), lane=lane)


async def _published(relay: Watched, count: int) -> None:
    async def enough() -> None:
        assert sum(relay.rounds) == count

    await eventually(enough, within_seconds=60)


@pytest.mark.parametrize("lane", list(Lane))
async def test_only_a_bulk_lane_gathers_and_only_behind_a_round_that_was_not_full(
    lane: Lane, database_url: str, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gathering takes an hour here: whatever leaves did not wait for it, or there was enough."""
    monkeypatch.setitem(relays.GATHER_SECONDS, Lane.BULK, _AN_HOUR)
    async with runtime_driver(database_url, broker) as driver:
        await _emit(driver, lane, 2 * BATCH)
        relay = Watched(driver, lane)
        async with _running(relay):
            await _published(relay, 2 * BATCH)
            assert relay.rounds == [BATCH, BATCH]
            await _emit(driver, lane)
            relay.wake()
            await _published(relay, 2 * BATCH + 1)
            await _emit(driver, lane)
            relay.wake()
            if lane is Lane.SINGLE:
                await _published(relay, 2 * BATCH + 2)
                return
            assert sum(relay.rounds) == 2 * BATCH + 1
            relay.wake(ENOUGH_MESSAGES)
            await _published(relay, 2 * BATCH + 2)


async def test_what_a_hundred_commits_emit_leaves_in_few_rounds(database_url: str, broker: Broker) -> None:
    async with runtime_driver(database_url, broker) as driver:
        relay = Watched(driver, Lane.BULK)
        wakeups_of(driver.roster).on_emit(lambda _, messages: relay.wake(messages))
        async with _running(relay):
            begun = asyncio.get_running_loop().time()
            for _ in range(100):
                await _emit(driver, Lane.BULK, 3)
            await _published(relay, 300)
            seconds = asyncio.get_running_loop().time() - begun
        # Behind the first, each waited its time, or for enough to be there.
        assert len(relay.rounds) <= 1 + seconds / relays.GATHER_SECONDS[Lane.BULK] + 300 / ENOUGH_MESSAGES


async def test_a_click_costs_two_statements_of_the_relay_and_a_hint_that_is_lost_little_time(
    database_url: str, broker: Broker
) -> None:
    async with runtime_driver(database_url, broker) as driver:
        relay = Watched(driver, Lane.SINGLE, poll_milliseconds=60_000)
        async with _running(relay):
            await eventually(lambda: relay.statements == ["acquire_lease", "list_pending"])
            for _ in range(3):
                relay.statements.clear()
                relay._lease_valid_until = asyncio.get_running_loop().time() + _AN_HOUR
                await _emit(driver, Lane.SINGLE)
                relay.wake()
                await eventually(lambda: relay.statements == ["list_pending", "mark_sent"])
        unhinted = Watched(driver, Lane.SINGLE)
        async with _running(unhinted):
            await eventually(lambda: "list_pending" in unhinted.statements)
            await _emit(driver, Lane.SINGLE)
            await _published(unhinted, 1)


async def test_a_relay_without_the_lease_queries_nothing_when_woken_and_acquires_a_released_one(
    database_url: str, broker: Broker
) -> None:
    async with runtime_driver(database_url, broker) as driver:
        leader, other = (Watched(driver, Lane.SINGLE) for _ in range(2))
        async with _running(leader):
            await eventually(lambda: leader.statements[:2] == ["acquire_lease", "list_pending"])
            async with _running(other):
                await eventually(lambda: other.statements == ["acquire_lease"])
                other._next_attempt_at = asyncio.get_running_loop().time() + _AN_HOUR
                await _emit(driver, Lane.SINGLE)
                for _ in range(5):
                    other.wake()
                    leader.wake()
                    await asyncio.sleep(0)
                await _published(leader, 1)
                assert other.statements == ["acquire_lease"]
        async with _running(other):
            other.try_acquire()
            await _emit(driver, Lane.SINGLE)
            await _published(other, 1)
        assert leader.rounds == [1]

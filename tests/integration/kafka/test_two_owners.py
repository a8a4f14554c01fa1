"""The product's own consumer while its group is rebalanced: two owners of a record for a while, one effect."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import pytest

from shared.contracts.roster import ParentAdded
from shared.runtime.database import Transaction
from tests.integration.runtime.driver import RuntimeDriver, added, record_effects, runtime_driver
from tests.support.brokers.base import Broker
from tests.support.waiting import eventually

pytestmark = [pytest.mark.kafka, pytest.mark.parametrize("broker", ["kafka"], indirect=True)]
_RECORDS = 40


async def _published(driver: RuntimeDriver) -> bool:
    return await driver.pending() == 0


async def _have(driver: RuntimeDriver, count: int) -> None:
    effects = await driver.effects()
    assert len(effects) >= count, f"{len(effects)} of {count}"


def _shares(*members: Any) -> list[int]:
    return [len(member._subscribers[0].consumer.assignment()) for member in members]


async def _reads_what_is_held(driver: RuntimeDriver) -> None:
    """Somebody waits for the inbox rows of another transaction that is still open."""
    async with driver.invitations.transaction() as transaction:
        assert await transaction.scalar("SELECT count(*) FROM pg_locks WHERE NOT granted")


async def test_i10_i16_the_old_owner_ends_its_batch_while_the_new_one_reads_it(
    database_url: str, broker: Broker
) -> None:
    """The client (aiokafka) gives partitions away while a handler holds their records: the inbox lets one through."""
    go, holds = asyncio.Event(), asyncio.Event()
    handed: list[list[str]] = [[], []]

    def handler(number: int) -> Any:
        async def handle(transaction: Transaction, messages: Sequence[Any]) -> None:
            handed[number] += [one.id for one in messages]
            await record_effects(transaction, messages)
            holds.set()
            await go.wait()

        return {ParentAdded: handle}

    async with runtime_driver(database_url, broker) as driver, driver.relaying():
        await driver.emit(*(added() for _ in range(_RECORDS)))
        await eventually(lambda: _published(driver), within_seconds=60)
        async with driver.consuming(handler(0)) as old:
            await eventually(holds.is_set)
            async with driver.consuming(handler(1)) as new:
                await eventually(lambda: 0 not in _shares(old, new), within_seconds=90)
                await eventually(lambda: _reads_what_is_held(driver), within_seconds=90)
                go.set()
                await eventually(lambda: _have(driver, _RECORDS), within_seconds=90)
                await driver.emit(added())
                await eventually(lambda: _have(driver, _RECORDS + 1), within_seconds=90)
        effects = [effect.message_id for effect in await driver.effects()]
        assert len(effects) == len(set(effects)) == _RECORDS + 1
        assert not set(handed[0]) & set(handed[1])
        assert driver.bugs == []


async def test_i16_members_come_and_go_under_load(database_url: str, broker: Broker) -> None:
    """One member stays, others join and leave as replicas do: every record has one effect, and none is parked."""
    rounds, each = 6, 60
    async with runtime_driver(database_url, broker) as driver, driver.relaying(), driver.consuming():
        for number in range(rounds):
            async with AsyncExitStack() as others:
                for _ in range(1 + number % 2):
                    await others.enter_async_context(driver.consuming())
                for _ in range(each // 10):
                    await driver.emit(*(added() for _ in range(10)))
                await eventually(partial(_have, driver, number * each + 1), within_seconds=90)
        await eventually(lambda: _have(driver, rounds * each), within_seconds=90)
        effects = [effect.message_id for effect in await driver.effects()]
        assert len(effects) == len(set(effects)) == rounds * each
        assert await driver.dead_letters() == []
        assert driver.bugs == []

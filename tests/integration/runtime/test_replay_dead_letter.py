"""Dead dead_letters delivered again: once, in one tx, or not at all (I14)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from shared.contracts.roster import ParentAdded
from shared.runtime.core import Rejected
from shared.runtime.database import Transaction
from shared.runtime.messaging import Subscription, list_dead_letters
from shared.runtime.messaging.inbox.dead_letters import find_dead_letter, replay_dead_letter
from tests.integration.runtime.driver import GROUP, RuntimeDriver, added, record_effects, runtime_driver
from tests.support.brokers.base import Broker
from tests.support.waiting import eventually


async def _refuse(tx: Transaction, messages: Sequence[Any]) -> None:
    raise Rejected("not_today", "the test says so")


WORKS = Subscription(GROUP, {ParentAdded: record_effects})
REFUSES = Subscription(GROUP, {ParentAdded: _refuse})


async def _parked(driver: RuntimeDriver, count: int) -> list[UUID]:
    """So many messages, all of them refused once."""
    await driver.emit(*(added() for _ in range(count)))

    async def all_parked() -> list[UUID]:
        async with driver.invitations.transaction() as tx:
            dead_letters = await list_dead_letters(tx, GROUP)
        assert len(dead_letters) == count
        assert {dead_letter.reason for dead_letter in dead_letters} == {"not_today"}
        return [dead_letter.dead_letter_id for dead_letter in dead_letters]

    async with driver.relaying(), driver.consuming({ParentAdded: _refuse}):
        return await eventually(all_parked, within_seconds=30)


async def test_i14_a_dead_letter_is_delivered_again_and_takes_effect_once(
    database_url: str, broker: Broker
) -> None:
    async with runtime_driver(database_url, broker) as driver:
        dead_letters = await _parked(driver, 3)
        twice = [
            replay_dead_letter(driver.invitations, WORKS, dead_letter)
            for dead_letter in [*dead_letters, *dead_letters]
        ]
        assert sorted(await asyncio.gather(*twice)) == [False] * 3 + [True] * 3
        assert len(await driver.effects()) == 3
        assert await driver.dead_letters() == []
        async with driver.relaying(), driver.consuming():
            await driver.emit(added())
            await eventually(lambda: _count(driver, 4), within_seconds=30)


async def _count(driver: RuntimeDriver, count: int) -> None:
    assert len(await driver.effects()) == count, "the inbox still knows what was delivered again"


async def test_i14_what_is_still_refused_stays_with_its_reason(database_url: str, broker: Broker) -> None:
    async with runtime_driver(database_url, broker) as driver:
        (dead_letter,) = await _parked(driver, 1)
        with pytest.raises(Rejected, match="not_today"):
            await replay_dead_letter(driver.invitations, REFUSES, dead_letter)
        async with driver.invitations.transaction() as tx:
            parked = await find_dead_letter(tx, dead_letter)
            inbox = await tx.scalar("SELECT count(*) FROM inbox")
        assert parked is not None
        assert parked.value
        assert inbox == 1
        assert await driver.effects() == []

"""Dead letters delivered again: once, in one transaction, or not at all (I14)."""

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
from tests.integration.runtime.stage import GROUP, Stage, added, record_effects, stage
from tests.support.brokers.base import Broker
from tests.support.waiting import eventually


async def _refuse(transaction: Transaction, messages: Sequence[Any]) -> None:
    raise Rejected("not_today", "the test says so")


WORKS = Subscription(GROUP, {ParentAdded: record_effects})
REFUSES = Subscription(GROUP, {ParentAdded: _refuse})


async def _parked(scene: Stage, count: int) -> list[UUID]:
    """So many messages, all of them refused once."""
    await scene.emit(*(added() for _ in range(count)))

    async def all_parked() -> list[UUID]:
        async with scene.invitations.transaction() as transaction:
            letters = await list_dead_letters(transaction, GROUP)
        assert len(letters) == count
        assert {letter.reason for letter in letters} == {"not_today"}
        return [letter.dead_letter_id for letter in letters]

    async with scene.relaying(), scene.consuming({ParentAdded: _refuse}):
        return await eventually(all_parked, within_seconds=30)


async def test_i14_a_dead_letter_is_delivered_again_and_takes_effect_once(
    database_url: str, broker: Broker
) -> None:
    async with stage(database_url, broker) as scene:
        letters = await _parked(scene, 3)
        twice = [replay_dead_letter(scene.invitations, WORKS, letter) for letter in [*letters, *letters]]
        assert sorted(await asyncio.gather(*twice)) == [False] * 3 + [True] * 3
        assert len(await scene.effects()) == 3
        assert await scene.dead_letters() == []
        async with scene.relaying(), scene.consuming():
            await scene.emit(added())
            await eventually(lambda: _count(scene, 4), within_seconds=30)


async def _count(scene: Stage, count: int) -> None:
    assert len(await scene.effects()) == count, "the inbox still knows what was delivered again"


async def test_i14_what_is_still_refused_stays_with_its_reason(database_url: str, broker: Broker) -> None:
    async with stage(database_url, broker) as scene:
        (letter,) = await _parked(scene, 1)
        with pytest.raises(Rejected, match="not_today"):
            await replay_dead_letter(scene.invitations, REFUSES, letter)
        async with scene.invitations.transaction() as transaction:
            kept = await find_dead_letter(transaction, letter)
            inbox = await transaction.scalar("SELECT count(*) FROM inbox")
        assert kept is not None
        assert kept.value
        assert inbox == 1
        assert await scene.effects() == []

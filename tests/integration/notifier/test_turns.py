"""Letters that wait for their turn on a channel while their sender ends, or loses them; and how many it takes."""

import asyncio
from collections import Counter
from typing import Any, cast

import pytest

from services.notifier.channels.base import Letter, NotOurs, Receipt
from services.notifier.channels.memory import MemoryChannel
from services.notifier.timers.hands import CLAIMED_PER_CONNECTION, HANDED_OVER, Hands
from shared.runtime.core import new_id
from tests.integration.notifier.desk import Desk, command, sending
from tests.support.waiting import eventually


class _Queueing(MemoryChannel):
    """One letter at a time; the others wait for their turn, as mails do for a session."""

    def __init__(self) -> None:
        super().__init__()
        self.turn = asyncio.Lock()

    async def send(self, letter: Letter) -> Receipt:
        async with self.turn:
            if not letter.ours():
                raise NotOurs
            return await super().send(letter)


async def test_leaving_gives_back_what_waits_for_its_turn(desk: Desk) -> None:
    await desk.put(*(command() for _ in range(10)))
    channel = _Queueing()
    channel.open_gate.clear()
    sender = desk.sender(channel, connections=4)
    async with sending(sender):
        await eventually(lambda: len(channel.tried) == 1)
        leaving = asyncio.create_task(sender.hands.close(60.0))
        await eventually(lambda: sender.hands.closing)
        channel.open_gate.set()
        await leaving
    assert Counter(await desk.states()) == {"sent": 1, "queued": 9}
    assert len(channel.taken) == 1


async def test_what_lost_its_lease_while_it_waited_is_left_to_others(desk: Desk) -> None:
    await desk.put(command(), command())
    channel = _Queueing()
    channel.open_gate.clear()
    sender = desk.sender(channel, connections=2)
    await sender.round()
    await eventually(lambda: len(channel.tried) == 1)
    for held in sender.hands.held.values():
        held.until = 0.0
    channel.open_gate.set()
    await eventually(lambda: not sender.hands.held)
    assert len(channel.tried) == len(sender.hands.outcomes) == 1


@pytest.mark.parametrize(("in_hand", "free"), [(0, 32), (1, 31), (16, 16), (17, 0), (32, 0), (40, 0)])
def test_the_queue_is_asked_for_half_a_hand_or_more(in_hand: int, free: int) -> None:
    hands = Hands(cast(Any, None), 2, lambda: None)
    assert hands.room == 2 * CLAIMED_PER_CONNECTION
    hands.held = dict.fromkeys((new_id() for _ in range(in_hand)), cast(Any, None))
    assert hands.free() == free
    assert hands.places() == HANDED_OVER - in_hand

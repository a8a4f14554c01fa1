"""Faults of our own processes."""

from __future__ import annotations

import time

from tests.faults.campaign.plan import Fault
from tests.faults.campaign.world import Undo, World
from tests.support.pace import last
from tests.support.stack import points

STORM_SECONDS = 3.0
_READY_SECONDS = 20.0
_MOST_PASSAGES = 4
_LOOK_SECONDS = 0.1


def kill(world: World, fault: Fault) -> Undo:
    """SIGKILL, and started again."""
    part = world.part(fault.target)
    over = world.disturbed(f"kill {fault.target}")
    part.kill()
    over()
    return part.start


def pause(world: World, fault: Fault) -> Undo:
    """SIGSTOP; for longer than a lease it loses what it held, and finds out when it goes on."""
    part = world.part(fault.target)
    over = world.disturbed(f"pause {fault.target}")
    part.pause()

    def go_on() -> None:
        part.resume()
        over()

    return go_on


def die_at(world: World, fault: Fault) -> Undo:
    """One process of the service dies at the n-th passage of a named point; the keeper starts it again."""
    passages = world.dice.randint(1, _MOST_PASSAGES)
    over = world.disturbed(f"{fault.kind} {fault.target}")
    points.arm(world.points, fault.target, fault.kind, passages)

    def look_back() -> None:
        reached = points.disarm(world.points, fault.target, fault.kind)
        world.note(f"{fault.kind} reached" if reached else f"{fault.kind} not reached")
        over()

    return look_back


def storm(world: World, fault: Fault) -> Undo:
    """One member leaves its groups and comes back every few seconds, ready or not."""
    part = world.part(fault.target)
    over = world.disturbed(f"storm {fault.target}")
    until = time.monotonic() + fault.hold_seconds
    while time.monotonic() < until:
        began = time.monotonic()
        part.stop()
        part.start()
        world.note("rebalances", 2)
        last(STORM_SECONDS - (time.monotonic() - began))
    return over


def roll(world: World, fault: Fault) -> Undo:
    """SIGTERM to one after the other, as a deployment does it; the next one when this one is ready again."""
    over = world.disturbed(f"roll {fault.target}")
    for part in world.stack.of(fault.target):
        part.stop()
        part.start()
        until = time.monotonic() + _READY_SECONDS
        while time.monotonic() < until and part.runs() and not part.is_ready():
            last(_LOOK_SECONDS)
    return over

"""Faults of Kinvite's own processes."""

from __future__ import annotations

import time
from collections.abc import Iterator

from tests.faults.campaign.faults import bus
from tests.faults.campaign.plan import Fault
from tests.faults.campaign.world import Undo, World, in_steps
from tests.support.stack import Part, points

STORM_SECONDS = 3.0
_READY_SECONDS = 60.0
_END_SECONDS = 20.0
# A member that was killed before stays in its group until its session is over, and as long nobody may set it back.
_FORGET_SECONDS = 90.0
_PATIENCE_SECONDS = 300.0
_MOST_PASSAGES = 4
_LOOK_SECONDS = 0.1


def kill(world: World, fault: Fault) -> Undo:
    """Kill a process with SIGKILL, and start it again."""
    part = world.part(fault.target)
    over = world.disturbed(f"kill {fault.target}")
    part.kill()
    over()
    return part.start


def pause(world: World, fault: Fault) -> Undo:
    """Stop a process with SIGSTOP; for longer than a lease it loses what it held, and notices when it continues."""
    part = world.part(fault.target)
    over = world.disturbed(f"pause {fault.target}")
    part.pause()

    def go_on() -> None:
        part.resume()
        over()

    return go_on


def die_at(world: World, fault: Fault) -> Undo:
    """Let one process of the service die at the n-th passage of a kill point; the conductor restarts it."""
    passages = world.dice.randint(1, _MOST_PASSAGES)
    over = world.disturbed(f"{fault.kind} {fault.target}")
    points.arm(world.points, fault.target, fault.kind, passages)
    until = time.monotonic() + _PATIENCE_SECONDS

    def look_back() -> float | None:
        if points.is_armed(world.points, fault.target, fault.kind) and time.monotonic() < until:
            return _LOOK_SECONDS
        reached = points.disarm(world.points, fault.target, fault.kind)
        world.note(f"{fault.kind} reached" if reached else f"{fault.kind} not reached")
        over()
        return None

    return look_back


def storm(world: World, fault: Fault) -> Undo:
    """Let one member leave its groups and come back every few seconds, ready or not."""
    return in_steps(_storm(world, fault))


def _storm(world: World, fault: Fault) -> Iterator[float]:
    part, over = world.part(fault.target), world.disturbed(f"storm {fault.target}")
    until = time.monotonic() + fault.hold_seconds
    while time.monotonic() < until:
        began = time.monotonic()
        yield from _ended(part)
        part.start()
        world.note("rebalances", 2)
        yield max(0.0, STORM_SECONDS - (time.monotonic() - began))
    over()


def roll(world: World, fault: Fault) -> Undo:
    """Restart one process after the other with SIGTERM, as a deployment does, each when the previous one is ready
    again.
    """
    return in_steps(_roll(world, fault))


def _roll(world: World, fault: Fault) -> Iterator[float]:
    over = world.disturbed(f"roll {fault.target}")
    for part in world.stack.of(fault.target):
        yield from _ended(part)
        part.start()
        until = time.monotonic() + _READY_SECONDS
        while time.monotonic() < until and part.runs() and not part.is_ready():
            yield _LOOK_SECONDS
    over()


def forget_offsets(world: World, fault: Fault) -> Undo:
    """Stop all processes of a service, set its groups back to the first record of every topic, and start them again."""
    return in_steps(_forget_offsets(world, fault))


def _forget_offsets(world: World, fault: Fault) -> Iterator[float]:
    over, parts = world.disturbed(f"forget {fault.target}"), world.stack.of(fault.target)
    for part in parts:
        yield from _ended(part)
    until = time.monotonic() + _FORGET_SECONDS
    while time.monotonic() < until and not bus.set_back(world, fault.target):
        yield _LOOK_SECONDS
    for part in parts:
        part.start()
    over()


def _ended(part: Part) -> Iterator[float]:
    """Send SIGTERM, and SIGKILL to a process that has not ended in time."""
    part.ask_to_end()
    until = time.monotonic() + _END_SECONDS
    while part.runs() and time.monotonic() < until:
        yield _LOOK_SECONDS
    part.kill()

"""Faults of Kinvite's own processes."""

from __future__ import annotations

import time
from collections.abc import Iterator

from tests.faults.campaign.faults import records
from tests.faults.campaign.plan import Fault
from tests.faults.campaign.world import Undo, World, stepwise_undo
from tests.support.stack import Part, kill_points

STORM_SECONDS = 3.0
_READY_SECONDS = 60.0
_END_SECONDS = 20.0
# A member that was killed stays in its group until its session ends, and the group cannot be reset before.
_FORGET_SECONDS = 90.0
_PATIENCE_SECONDS = 300.0
_MOST_PASSAGES = 4
_POLL_SECONDS = 0.1


def kill(world: World, fault: Fault) -> Undo:
    """Kill a process with SIGKILL, and start it again."""
    part = world.part(fault.target)
    end = world.begin_disturbance(f"kill {fault.target}")
    part.kill()
    end()
    return part.start


def pause(world: World, fault: Fault) -> Undo:
    """Stop a process with SIGSTOP; for longer than a lease it loses what it held, and notices when it continues."""
    part = world.part(fault.target)
    end = world.begin_disturbance(f"pause {fault.target}")
    part.pause()

    def go_on() -> None:
        part.resume()
        end()

    return go_on


def die_at(world: World, fault: Fault) -> Undo:
    """Let one process of the service die at the n-th passage of a kill point; the conductor restarts it."""
    passages = world.dice.randint(1, _MOST_PASSAGES)
    end = world.begin_disturbance(f"{fault.kind} {fault.target}")
    kill_points.arm(world.kill_points, fault.target, fault.kind, passages)
    until = time.monotonic() + _PATIENCE_SECONDS

    def check_point() -> float | None:
        if kill_points.is_armed(world.kill_points, fault.target, fault.kind) and time.monotonic() < until:
            return _POLL_SECONDS
        reached = kill_points.disarm(world.kill_points, fault.target, fault.kind)
        world.note(f"{fault.kind} reached" if reached else f"{fault.kind} not reached")
        end()
        return None

    return check_point


def storm(world: World, fault: Fault) -> Undo:
    """Let one member leave its groups and come back every few seconds, ready or not."""
    return stepwise_undo(_storm(world, fault))


def _storm(world: World, fault: Fault) -> Iterator[float]:
    part, end = world.part(fault.target), world.begin_disturbance(f"storm {fault.target}")
    until = time.monotonic() + fault.hold_seconds
    while time.monotonic() < until:
        began = time.monotonic()
        yield from _terminate(part)
        part.start()
        world.note("rebalances", 2)
        yield max(0.0, STORM_SECONDS - (time.monotonic() - began))
    end()


def restart_in_turn(world: World, fault: Fault) -> Undo:
    """Restart one process after the other with SIGTERM, as a deployment does, each when the previous one is ready
    again.
    """
    return stepwise_undo(_restart_in_turn(world, fault))


def _restart_in_turn(world: World, fault: Fault) -> Iterator[float]:
    end = world.begin_disturbance(f"roll {fault.target}")
    for part in world.stack.list_parts(fault.target):
        yield from _terminate(part)
        part.start()
        until = time.monotonic() + _READY_SECONDS
        while time.monotonic() < until and part.runs() and not part.is_ready():
            yield _POLL_SECONDS
    end()


def forget_offsets(world: World, fault: Fault) -> Undo:
    """Stop a service, set its groups back to the first record of every topic, and start it again."""
    return stepwise_undo(_forget_offsets(world, fault))


def _forget_offsets(world: World, fault: Fault) -> Iterator[float]:
    end, parts = world.begin_disturbance(f"forget {fault.target}"), world.stack.list_parts(fault.target)
    for part in parts:
        yield from _terminate(part)
    until = time.monotonic() + _FORGET_SECONDS
    while time.monotonic() < until and not records.reset_offsets(world, fault.target):
        yield _POLL_SECONDS
    for part in parts:
        part.start()
    end()


def _terminate(part: Part) -> Iterator[float]:
    """Send SIGTERM, and SIGKILL to a process that has not ended in time."""
    part.terminate()
    until = time.monotonic() + _END_SECONDS
    while part.runs() and time.monotonic() < until:
        yield _POLL_SECONDS
    part.kill()

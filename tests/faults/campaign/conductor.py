"""Conductor (Jepsen's nemesis): begins the faults of a plan, ends each in its time, and restarts what died."""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable, Sequence

from tests.faults.campaign.faults import BEGIN, STEPWISE, affected_parts
from tests.faults.campaign.plan import Fault
from tests.faults.campaign.world import Undo, World
from tests.support.pace import block_for
from tests.support.processes import StartFailed
from tests.support.stack import Part
from tests.support.stack.part import READY_SECONDS

_TICK_SECONDS = 0.05
_RESTART_SECONDS = 1.0
Log = Callable[[str], None]


class Conductor:
    """Player of a plan: `play` it, then `heal`. Everything happens in the caller's thread."""

    def __init__(self, world: World, log: Log) -> None:
        self._world = world
        self._log = log
        self._active: list[tuple[float, int, Fault, Undo]] = []
        self._numbers = itertools.count()
        self._ended_at: dict[str, float] = {}

    def play(self, faults: Sequence[Fault]) -> None:
        """Play all faults.

        A fault whose target is still under another one, or has just died, waits until the target is free.
        """
        for fault in faults:
            while affected_parts(fault) & (self._affected_parts() | self._ended_parts()):
                self._tick()
            self._log(str(fault))
            undo = BEGIN[fault.kind](self._world, fault)
            self._undo_in(0.0 if fault.kind in STEPWISE else fault.hold_seconds, fault, undo)
            self.wait(fault.gap_seconds)

    def wait(self, seconds: float) -> None:
        """Let time pass, during which faults that are due are ended and processes that died are restarted."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._tick()

    def heal(self) -> None:
        """Wait until every fault is over and every process runs and is ready. Raises StartFailed after ten minutes.

        The last fault may be a death that is not complete when it counts as reached, so processes are restarted here
        too.
        """
        while self._active:
            self._tick()
        until = time.monotonic() + READY_SECONDS
        while late := [part.name for part in self._world.parts() if not (part.runs() and part.is_ready())]:
            if time.monotonic() > until:
                raise StartFailed(f"not ready though no fault is open any more: {', '.join(late)}")
            self._tick()

    def _affected_parts(self) -> set[str]:
        return {name for _, _, fault, _ in self._active for name in affected_parts(fault)}

    def _ended_parts(self) -> set[str]:
        return {part.name for part in self._world.parts() if not part.runs()}

    def _tick(self) -> None:
        while self._active and self._active[0][0] <= time.monotonic():
            self._undo()
        self._keep_alive()
        block_for(_TICK_SECONDS)

    def _undo(self) -> None:
        _, _, fault, undo = heapq.heappop(self._active)
        seconds = undo()
        if seconds is not None:
            self._undo_in(seconds, fault, undo)

    def _undo_in(self, seconds: float, fault: Fault, undo: Undo) -> None:
        heapq.heappush(self._active, (time.monotonic() + seconds, next(self._numbers), fault, undo))

    def _keep_alive(self) -> None:
        """Restart after a second, as any supervisor would, what has ended although no fault holds it down."""
        held, now = self._affected_parts(), time.monotonic()
        for part in self._world.parts():
            if part.runs() or part.name in held:
                self._ended_at.pop(part.name, None)
            elif now - self._ended_at.setdefault(part.name, now) >= _RESTART_SECONDS:
                self._restart(part)

    def _restart(self, part: Part) -> None:
        del self._ended_at[part.name]
        self._world.note("restarted by the conductor")
        part.start()

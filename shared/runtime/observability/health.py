"""Health that measures progress: every loop reports its progress, and one that stalls makes the service unready."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

UNREADY_AFTER_SECONDS = 60.0
DEAD_AFTER_SECONDS = 300.0


@dataclass(slots=True)
class Heartbeat:
    """Progress of one loop.

    Call `beat()` after every round that made progress or had nothing to do.
    """

    name: str
    stale_after_seconds: float = UNREADY_AFTER_SECONDS
    beaten_at: float = field(default_factory=time.monotonic)
    reason: str | None = "starting"

    def beat(self) -> None:
        """Report progress."""
        self.beaten_at = time.monotonic()
        self.reason = None

    def degrade(self, reason: str) -> None:
        """Report that the loop cannot go on, for a fixed `reason`. It becomes unready if that lasts."""
        self.reason = reason

    @property
    def silent_seconds(self) -> float:
        """Seconds since the last beat."""
        return time.monotonic() - self.beaten_at


Check = Callable[[], str | None]


class Health:
    """All loops of a process, and checks that return a problem or None."""

    def __init__(self) -> None:
        self._loops: list[Heartbeat] = []
        self._checks: dict[str, Check] = {}
        self._mortal: dict[str, Callable[[], bool]] = {}

    def loop(self, name: str) -> Heartbeat:
        """Register a loop and return its heartbeat."""
        progress = Heartbeat(name)
        self._loops.append(progress)
        return progress

    def check(self, name: str, check: Check) -> None:
        """Register a check that runs at every probe and must not block."""
        self._checks[name] = check

    def mortal(self, name: str, is_dead: Callable[[], bool]) -> None:
        """Register a predicate that is true once only a restart can help; it must not block."""
        self._mortal[name] = is_dead

    def problems(self) -> dict[str, str]:
        """Return what keeps this process from being ready, by name; empty if it is ready."""
        problems = {}
        for loop in self._loops:
            if loop.silent_seconds > loop.stale_after_seconds:
                problems[loop.name] = loop.reason or f"no progress for {loop.silent_seconds:.0f} s"
            elif loop.reason == "starting":
                problems[loop.name] = "starting"
        for name, check in self._checks.items():
            problem = check()
            if problem:
                problems[name] = problem
        return problems

    def dead(self) -> list[str]:
        """Return the loops that have stalled without a known reason for so long that only a restart can help."""
        silent = [
            loop.name
            for loop in self._loops
            if loop.silent_seconds > max(DEAD_AFTER_SECONDS, loop.stale_after_seconds) and loop.reason is None
        ]
        return silent + [name for name, is_dead in self._mortal.items() if is_dead()]

"""Verdict of a check."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Verdict:
    """One invariant: its promise, how many things were checked, and each thing that breaks it."""

    invariant: str
    promise: str
    checked: int = 0
    broken: list[str] = field(default_factory=list)

    def expect(self, holds: bool, what: str) -> None:
        """Count one check; if it does not hold, `what` describes the broken thing."""
        self.checked += 1
        if not holds:
            self.broken.append(what)

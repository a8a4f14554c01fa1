"""What a check says."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Verdict:
    """One invariant: what it promises, how many things were looked at, and each thing that breaks it."""

    invariant: str
    promise: str
    looked_at: int = 0
    broken: list[str] = field(default_factory=list)

    def expect(self, holds: bool, what: str) -> None:
        """Count one look; where it does not hold, `what` says of whom."""
        self.looked_at += 1
        if not holds:
            self.broken.append(what)

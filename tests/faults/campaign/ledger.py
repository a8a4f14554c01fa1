"""Ledger (Jepsen's history): requests of clients and their outcomes, the one record that Kinvite cannot change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """Outcome of a request as the client knows it.

    `unknown`: no response, or one that leaves open what was done (5xx).
    """

    OK = "ok"
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Entry:
    """One request of a client, however often it was repeated with the same key.

    `mark` is a word that occurs in every name and address which the request writes, and in no other request. Times
    are seconds since 1970; `status` is that of the last response, `failure` the error where there was none.
    """

    action: str
    outcome: Outcome
    school_id: str = ""
    mark: str = ""
    began_at: float = 0.0
    ended_at: float = 0.0
    status: int | None = None
    tries: int = 1
    sent: dict[str, Any] = field(default_factory=dict)
    answer: dict[str, Any] = field(default_factory=dict)
    failure: str = ""


@dataclass(slots=True)
class Ledger:
    """Append-only list of requests, written by the load's thread and read when that has ended."""

    entries: list[Entry] = field(default_factory=list)

    def add(self, entry: Entry) -> None:
        self.entries.append(entry)

    def select(self, *actions: str, outcome: Outcome | None = Outcome.OK) -> Iterator[Entry]:
        """Yield the entries of these actions with that outcome, or with any outcome if it is None."""
        for entry in self.entries:
            if entry.action in actions and outcome in (None, entry.outcome):
                yield entry

    def counts(self) -> dict[str, Counter[str]]:
        """Count outcomes by action."""
        counted: dict[str, Counter[str]] = {}
        for entry in self.entries:
            counted.setdefault(entry.action, Counter())[entry.outcome.value] += 1
        return dict(sorted(counted.items()))

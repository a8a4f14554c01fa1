"""Report of a campaign, as a table for people and as JSON for programs."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.campaign.evidence import Evidence
from tests.faults.campaign.oracle.messages import duplicates
from tests.faults.campaign.oracle.verdict import Verdict
from tests.faults.campaign.outages import Measure

_SHOWN = 10


@dataclass(slots=True)
class Report:
    """Faults, requests, counts and the verdict of each invariant. `seconds` is by phase."""

    seed: int
    faults: dict[str, int] = field(default_factory=dict)
    requests: dict[str, dict[str, int]] = field(default_factory=dict)
    notes: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    measures: list[Measure] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)

    @property
    def broken(self) -> list[str]:
        """Return everything that breaks a promise."""
        return [f"{verdict.invariant} {what}" for verdict in self.verdicts for what in verdict.broken]

    def add_verdicts(self, evidence: Evidence, verdicts: list[Verdict]) -> None:
        """Take over the verdicts of the oracle, and count the evidence."""
        dead_letters = [
            row for name, rows in evidence.tables.items() if name.endswith(".dead_letter") for row in rows
        ]
        self.verdicts = verdicts
        self.requests = {action: dict(counted) for action, counted in evidence.ledger.counts().items()}
        self.counts = {
            "records on topics": len(evidence.records),
            "messages": len(evidence.table("notifier.messages")),
            "copies received": len(evidence.arrivals),
            "duplicates": duplicates(evidence),
            "accounts": len(evidence.table("signup.accounts")),
            "dead letters": len(dead_letters),
            "misbehaving addresses": len(evidence.address_behaviours),
            "losses": sum(len(verdict.broken) for verdict in verdicts),
        }

    def table(self) -> str:
        """Format the report as text."""
        total = sum(map(Counter, self.requests.values()), Counter[str]())
        lines = [f"seed {self.seed}: {sum(self.faults.values())} faults, {total.total()} requests"]
        lines += _section("faults", self.faults)
        lines += ["requests" + " " * 22 + "ok    fail unknown"]
        for action, counted in [*self.requests.items(), ("all", total)]:
            numbers = "".join(f"{counted.get(name, 0):8}" for name in ("ok", "fail", "unknown"))
            lines.append(f"  {action:22}{numbers}")
        lines += _section("noted", self.notes) + _section("results", self.counts)
        lines += _section("seconds", {name: round(value, 1) for name, value in self.seconds.items()})
        lines += ["long outages", *(f"  {measure}" for measure in self.measures)] if self.measures else []
        lines += ["invariants" + " " * 13 + "  checked  broken"]
        for verdict in self.verdicts:
            lines.append(
                f"  {verdict.invariant:16}{verdict.checked:12}{len(verdict.broken):8}  {verdict.promise}"
            )
            lines += [f"      {what}" for what in verdict.broken[:_SHOWN]]
        return "\n".join(lines)

    def write(self, path: Path) -> None:
        """Write the report as JSON."""
        content: dict[str, Any] = asdict(self)
        path.write_text(json.dumps(content, indent=1, default=str) + "\n")


def _section(title: str, values: dict[str, Any]) -> list[str]:
    return [title, *(f"  {name:34}{value:>10}" for name, value in sorted(values.items()))]

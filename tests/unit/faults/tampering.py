"""Breaks of a promise in a faultless story: what each tampers with, and the invariant that must be reported as
broken.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.faults.campaign.evidence import Evidence
from tests.faults.campaign.topics import Record
from tests.faults.campaign.world import Disturbance
from tests.unit.faults.story import AT, JOIN_MESSAGE

Tamper = Callable[[Evidence], None]
TAMPERINGS: dict[str, tuple[str, Tamper]] = {}


def breaks(invariant: str) -> Callable[[Tamper], Tamper]:
    def keep(tamper: Tamper) -> Tamper:
        TAMPERINGS[tamper.__name__] = (invariant, tamper)
        return tamper

    return keep


def find_record(evidence: Evidence, type_: str) -> Record:
    return next(record for record in evidence.records if record.type == type_)


def find_row(evidence: Evidence, table: str, **wanted: Any) -> dict[str, Any]:
    return next(
        row for row in evidence.table(table) if all(row[name] == value for name, value in wanted.items())
    )


def excuse_a_copy(evidence: Evidence) -> None:
    evidence.disturbances.append(Disturbance("kill notifier-both-0", AT, AT + 1))
    evidence.tables["notifier.attempts"].append({"message_id": JOIN_MESSAGE, "verdict": "interrupted"})

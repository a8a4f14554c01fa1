"""Says of each invariant how much was looked at and what is broken. Pure: evidence in, verdicts out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.faults.campaign.evidence import Evidence
from tests.faults.campaign.oracle import consumers, copies, events, messages, promises, standing, tokens
from tests.faults.campaign.oracle.verdict import Verdict

CHECKS: Sequence[Callable[[Evidence], Verdict]] = (
    *events.CHECKS,
    *promises.CHECKS,
    *consumers.CHECKS,
    *copies.CHECKS,
    *tokens.CHECKS,
    *messages.CHECKS,
    *standing.CHECKS,
)


def judge(evidence: Evidence) -> list[Verdict]:
    """Every check, in the order of the invariants."""
    return [check(evidence) for check in CHECKS]

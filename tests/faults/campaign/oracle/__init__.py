"""Oracle (Jepsen's checker): one verdict per invariant, with what was checked and what is broken. A pure function."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.faults.campaign.evidence import Evidence
from tests.faults.campaign.oracle import consumers, events, messages, promises, replicas, status_view, tokens
from tests.faults.campaign.oracle.verdict import Verdict

CHECKS: Sequence[Callable[[Evidence], Verdict]] = (
    *events.CHECKS,
    *promises.CHECKS,
    *consumers.CHECKS,
    *replicas.CHECKS,
    *tokens.CHECKS,
    *messages.CHECKS,
    *status_view.CHECKS,
)


def judge(evidence: Evidence) -> list[Verdict]:
    """Run every check, in the order of the invariants."""
    return [check(evidence) for check in CHECKS]

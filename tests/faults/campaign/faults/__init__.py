"""Faults: one function per kind, which begins the fault and returns how it is undone."""

from __future__ import annotations

from collections.abc import Callable

from tests.faults.campaign.faults import outside, processes, records, servers
from tests.faults.campaign.plan import APART, Fault
from tests.faults.campaign.world import Undo, World
from tests.support.stack.kill_points import POINTS

Begin = Callable[[World, Fault], Undo]

BEGIN: dict[str, Begin] = {
    "kill": processes.kill,
    "pause": processes.pause,
    "long pause": processes.pause,
    "rebalance storm": processes.storm,
    "rolling restart": processes.restart_in_turn,
    "forgotten offsets": processes.forget_offsets,
    **dict.fromkeys(POINTS, processes.die_at),
    "postgres kill": servers.kill_postgres,
    "postgres restart": servers.restart_postgres,
    "broker kill": servers.kill_broker,
    "broker pause": servers.pause_broker,
    "mailbox kill": servers.kill_mailbox,
    "duplicate records": records.duplicate_records,
    "stale records": records.send_stale,
    "poison": records.send_poison,
    "republish": outside.republish_all,
    "due at once": outside.make_due,
    **{f"provider {name}": outside.misbehave for name in outside.BEHAVIOURS},
}


STEPWISE = frozenset({*POINTS, "rebalance storm", "rolling restart", "forgotten offsets"})
"""Kinds that are looked after from the beginning, and not only when their time is over."""


def affected_parts(fault: Fault) -> set[str]:
    """Return the names of the processes that no other fault may touch at the same time."""
    if fault.kind in {"rolling restart", "forgotten offsets"}:
        return {part for pair in APART.items() for part in pair if part.startswith(f"{fault.target}-")}
    if fault.kind in POINTS:
        return {f"{fault.kind} {fault.target}"}
    if fault.kind in {"republish", "due at once"} or fault.kind.startswith("provider"):
        return set()
    return {fault.target}

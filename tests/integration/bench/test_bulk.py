"""The benchmark of the bulk run works, with fifty parents."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.plan import Plan
from bench.report import Report
from bench.rig import ROLES
from bench.scenarios import bulk
from bench.unavailable import Unavailable
from tests.support.stack import SERVICES

PARENTS = 50


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.parametrize("_broker", ["kafka"])
def test_a_bulk_run_is_measured_by_process_and_by_stage(_broker: str, tmp_path: Path) -> None:
    report = Report(tmp_path)
    lines: list[str] = []
    plan = Plan(runs=1, parents=PARENTS, peers=False, folder=report.folder)
    try:
        report.add(bulk.run(plan, lines.append))
    except Unavailable as reason:
        pytest.skip(str(reason))
    speed, cost, memory = report.figures
    assert (speed.scenario, cost.scenario, memory.scenario) == ("G1", "G2", "G10")
    assert speed.goal is not None
    assert cost.goal is not None
    (job,) = json.loads((report.folder / "bulk.json").read_text())["kinvite"]
    assert speed.value == pytest.approx(PARENTS / job["seconds"])
    assert cost.value == pytest.approx(sum(job["cpu_seconds"].values()) * 1000 / PARENTS)
    assert set(job["cpu_seconds"]) == {f"{name} {role}" for name in SERVICES for role in ROLES} | {
        "kafka",
        "postgres",
    }
    assert job["curve"][-1][1] == PARENTS
    records = {name: passed for name, _, _, passed in job["stages"]}
    assert records["invitations: commands made"] == records["dashboard: shows the outcome"] == PARENTS
    assert all(name in lines[-1] for name in records)
    batches = {name: (passed, times) for name, passed, times in job["rounds"]}
    assert batches["notifier.on-commands-bulk"][0] == batches["invitations emits, bulk"][0] / 2 == PARENTS
    assert all(1 <= times <= passed for passed, times in batches.values())
    assert job["transactions"] >= sum(times for name, (_, times) in batches.items() if ".on-" in name)
    assert {"mails.svg", "cpu.svg", "figures.jsonl"} <= {path.name for path in report.folder.iterdir()}

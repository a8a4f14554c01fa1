"""Command line of the benchmarks: `python -m bench` measures, prints a table and writes the figures to a folder."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path

from bench.plan import Plan, Scenario
from bench.report import Report
from bench.scenarios import bulk, clicks, footprint, overtaking, profiling, status, timers
from bench.unavailable import Unavailable
from tests.support.locks import CACHE

SCENARIOS: dict[str, Scenario] = {
    "g1": bulk.run,
    "g3": clicks.run,
    "g4": overtaking.run,
    "g7": timers.run,
    "g8": status.run,
    "g10": footprint.run,
    "profile": profiling.run,
}
SAME = {"g2": "g1"}
BUSY = 0.5


def main() -> int:
    """Run the benchmarks; return 1 where a part could not be had, so that half a table is never taken for a whole
    one.
    """
    arguments = _arguments()
    folder = arguments.out or CACHE / "bench" / "results" / f"{datetime.now(UTC):%Y%m%d-%H%M%S}"
    plan = Plan(
        runs=arguments.runs,
        parents=arguments.parents,
        crowd=arguments.crowd,
        clicks=arguments.clicks,
        pending=arguments.pending,
        listed=arguments.listed,
        peers=not arguments.no_peers,
        folder=folder,
    )
    report = Report(folder)
    load = os.getloadavg()[0]
    report.log(f"Load of the machine at the start: {load:.2f}; {os.cpu_count()} cores")
    if load > BUSY:
        report.log("The machine is busy, so speeds and times mean little; CPU per parent means more.")
    left_out = []
    for name in arguments.only:
        try:
            report.add(SCENARIOS[name](plan, report.log))
        except Unavailable as reason:
            left_out.append(f"{name.upper()} is left out: {reason}")
            report.log(left_out[-1])
        except Exception as error:  # noqa: BLE001 (printed, and in the exit code; earlier figures are saved)
            report.log(traceback.format_exc())
            left_out.append(f"{name.upper()} failed: {error!r}")
    (folder / "table.md").write_text(report.markdown())
    report.log("\n".join(["", report.text(), *left_out, f"Saved in {folder}"]))
    return 1 if left_out else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make bench", description="Measure Kinvite, and its peers beside it."
    )
    add, usual = parser.add_argument, Plan()
    add("--only", type=_names, default=list(SCENARIOS), help=f"of {', '.join(SCENARIOS)}; comma-separated")
    add("--runs", type=int, default=usual.runs)
    add("--parents", type=int, default=usual.parents, help="of a bulk run")
    add("--crowd", type=int, default=usual.crowd, help="whom a single invitation has to overtake")
    add("--clicks", type=int, default=usual.clicks, help="single invitations, over all runs")
    add("--pending", type=_sizes, default=usual.pending, help="invitations under the timers; comma-separated")
    add("--listed", type=int, default=usual.listed, help="parents of the school whose pages are asked for")
    add("--no-peers", action="store_true", help="Kinvite alone")
    add("--out", type=Path, default=None, help="folder for the figures")
    return parser.parse_args()


def _names(text: str) -> list[str]:
    names = dict.fromkeys(SAME.get(name, name) for name in text.lower().split(","))
    unknown = names.keys() - SCENARIOS.keys()
    if unknown:
        raise argparse.ArgumentTypeError(f"there is no {', '.join(sorted(unknown))}")
    return list(names)


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(sorted(int(size) for size in text.split(",")))


if __name__ == "__main__":
    sys.exit(main())

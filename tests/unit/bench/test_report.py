"""Output of a run of the benchmarks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from bench.figures import Figure, Goal
from bench.report import Report, table

FIGURES = [
    Figure("G1", "speed", "parents/s", (2_000.0, 3_500.0, 3_100.0), goal=Goal(3_000, at_least=True)),
    Figure("G1", "speed", "parents/s", (400.0,), contestant="others"),
]


def test_every_figure_is_a_line_of_json_as_soon_as_it_is_known(tmp_path: Path) -> None:
    report = Report(tmp_path / "results")
    written = tmp_path / "results" / "figures.jsonl"
    seen = []

    def known() -> Iterator[Figure]:
        for figure in FIGURES:
            seen.append(written.read_text().count("\n"))
            yield figure

    report.add(known())
    lines = [json.loads(line) for line in written.read_text().splitlines()]
    assert [line["contestant"] for line in lines] == ["kinvite", "others"]
    assert [line["value"] for line in lines] == [3_100.0, 400.0]
    assert seen == [0, 1]


def test_the_table_has_goal_span_and_verdict(tmp_path: Path) -> None:
    report = Report(tmp_path)
    report.add(FIGURES)
    assert (
        "| G1 | speed | kinvite | 3,100 | 2,000 - 3,500 | parents/s | >= 3,000 | pass |" in report.markdown()
    )
    assert "| G1 | speed | others | 400 | 400 - 400 | parents/s |  |  |" in report.markdown()
    assert report.text().splitlines()[1].split("  ")[0] == "G1"


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    assert table([("a", "b"), ("long", "c")]) == "a     b\nlong  c\n"

"""Arithmetic of the benchmarks."""

from __future__ import annotations

import json

import pytest

from bench.figures import Figure, Goal, format_number, pairwise, pooled, quantile


def test_a_figure_is_the_median_of_its_runs_with_their_span() -> None:
    line = json.loads(Figure("G1", "speed", "parents/s", (30.0, 10.0, 20.0)).as_line())
    assert (line["value"], line["min"], line["max"], line["runs"]) == (20.0, 10.0, 30.0, 3)
    assert line["values"] == [30.0, 10.0, 20.0]
    assert line["verdict"] is None


@pytest.mark.parametrize(
    ("goal", "value", "verdict"),
    [
        (Goal(3_000, at_least=True), 3_000, "pass"),
        (Goal(3_000, at_least=True), 2_999, "missed"),
        (Goal(0.65), 0.65, "pass"),
        (Goal(0.65), 0.66, "missed"),
    ],
)
def test_a_goal_is_met_at_its_limit_and_on_the_right_side_of_it(
    goal: Goal, value: float, verdict: str
) -> None:
    figure = Figure("G1", "speed", "parents/s", (value,), goal=goal)
    assert figure.verdict == verdict
    assert json.loads(figure.as_line())["verdict"] == verdict


def test_a_goal_shows_its_direction() -> None:
    assert [str(Goal(3_000, at_least=True)), str(Goal(0.65))] == [">= 3,000", "<= 0.650"]


def test_quantiles_are_samples_that_were_seen() -> None:
    samples = [float(number) for number in range(100, 0, -1)]
    assert [quantile(samples, share) for share in (0.0, 0.5, 0.99, 1.0)] == [1.0, 50.0, 99.0, 100.0]
    assert quantile([7.0], 0.99) == 7.0
    with pytest.raises(ValueError, match="no samples"):
        quantile([], 0.5)


def test_the_99th_percentile_is_of_all_samples_and_not_of_the_runs() -> None:
    quiet, loud = [1.0] * 99, [1.0] * 98 + [500.0]
    figure = pooled("G3", "click to mail, p99", [quiet, loud, quiet], 0.99)
    assert figure.value == 1.0
    assert figure.values == (1.0, 500.0, 1.0)
    assert figure.detail == {"samples": 297}


def test_ratios_are_taken_run_by_run() -> None:
    assert pairwise([2.0, 12.0], [1.0, 3.0]) == (2.0, 4.0)
    with pytest.raises(ValueError, match="cannot be paired"):
        pairwise([1.0, 2.0], [1.0])


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.0123, "0.0123"), (0.65, "0.650"), (9.876, "9.88"), (47.12, "47.1"), (12345.6, "12,346")],
)
def test_numbers_are_shown_with_three_digits_that_matter(value: float, text: str) -> None:
    assert format_number(value) == text

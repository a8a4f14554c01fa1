"""Stacks are summed up by function as they were sampled."""

import pytest

from bench.profile.spy import summed_up

RAW = [
    "main (app.py:1);loop (app.py:5);send (smtp.py:9) 60",
    "main (app.py:1);loop (app.py:5);loop (app.py:5) 40",
]


def test_self_is_the_innermost_frame_and_total_counts_a_stack_once() -> None:
    summary = summed_up(RAW, seconds=1)
    shares = {function.name: (function.self_share, function.total_share) for function in summary.functions}
    assert shares == {
        "main (app.py:1)": (0, 1),
        "loop (app.py:5)": (pytest.approx(0.4), 1),
        "send (smtp.py:9)": (pytest.approx(0.6), pytest.approx(0.6)),
    }
    assert summary.busy == pytest.approx(0.5)


def test_the_text_names_the_dearest_first() -> None:
    lines = summed_up(RAW, seconds=1).text(1).splitlines()
    assert "100 samples, 0.50 cores" in lines[0]
    assert lines[2].endswith("60.0%  60.0%  send (smtp.py:9)")
    assert "100.0%" in lines[4]


def test_an_idle_process_has_no_top_functions() -> None:
    assert summed_up([], seconds=1).text().startswith("0 samples")

"""Charts of the bulk run."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from bench import plot

_SVG = "{http://www.w3.org/2000/svg}"


def test_a_line_for_each_curve_on_one_scale() -> None:
    drawn = ET.fromstring(
        plot.lines("Mails & more", "seconds", {"fast": [(0, 0), (5, 100)], "slow": [(0, 0), (10, 100)]})
    )
    fast, slow = (line.attrib["points"].split() for line in drawn.iter(f"{_SVG}polyline"))
    assert fast[0] == slow[0], "both begin at the origin"
    (fast_x, fast_y), (slow_x, slow_y) = (map(float, points[-1].split(",")) for points in (fast, slow))
    origin = float(fast[0].split(",")[0])
    assert (slow_x - origin) == 2 * (fast_x - origin)
    assert fast_y == slow_y < float(fast[0].split(",")[1])
    words = [text.text for text in drawn.iter(f"{_SVG}text")]
    assert {"Mails & more", "seconds", "fast", "slow", "0", "10", "100"} <= set(words)


def test_parts_of_a_bar_lie_end_to_end_and_keep_their_colour() -> None:
    drawn = ET.fromstring(plot.bars("CPU", "ms", {"ours": {"a": 1, "b": 3}, "theirs": {"b": 2}}))
    rows = [bar.attrib for bar in drawn.iter(f"{_SVG}rect") if bar.attrib.get("fill") != "white"]
    a, b, other = rows[:3]
    assert float(b["x"]) == float(a["x"]) + float(a["width"])
    assert float(b["width"]) == 3 * float(a["width"])
    assert other["fill"] == b["fill"] != a["fill"]
    assert float(other["width"]) == 2 * float(a["width"])


def test_the_scale_ends_at_a_round_number_that_nothing_exceeds() -> None:
    drawn = plot.lines("", "", {"one": [(0, 0), (33.7, 9_999)]})
    ticks = re.findall(r"text-anchor='(?:middle|end)'>([\d,.]+)<", drawn)
    assert ticks[:6] == ["0", "10", "20", "30", "40", "50"]
    assert ticks[6:] == ["0", "2,000", "4,000", "6,000", "8,000", "10,000"]

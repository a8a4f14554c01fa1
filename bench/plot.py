"""Two SVG charts of the bulk run: emails over time, and CPU by part."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 720, 320, 70, 40, 30, 170
COLOURS = (
    "#1f5fbf",
    "#d1495b",
    "#edae49",
    "#3d9970",
    "#66a3ff",
    "#8d6cab",
    "#7f8c8d",
    "#f28e2b",
    "#4e342e",
    "#b0c4b1",
)
TICKS = 5


def lines(title: str, x: str, curves: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """Draw a line chart of points (x, y), none of them negative."""
    most = [max((point[axis] for curve in curves.values() for point in curve), default=0) for axis in (0, 1)]
    across, up = _Axis(most[0], WIDTH - LEFT - RIGHT), _Axis(most[1], HEIGHT - TOP - BOTTOM)
    parts = [*_frame(title, x, across, up)]
    for curve, colour in zip(curves.values(), COLOURS, strict=False):
        points = " ".join(f"{LEFT + across.at(a):.1f},{HEIGHT - BOTTOM - up.at(b):.1f}" for a, b in curve)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
    return _svg([*parts, *_legend(list(curves))])


def bars(title: str, x: str, rows: Mapping[str, Mapping[str, float]]) -> str:
    """Draw a stacked bar for each row; a part has the same colour in every row."""
    names = list(dict.fromkeys(name for row in rows.values() for name in row))
    across = _Axis(max(sum(row.values()) for row in rows.values()), WIDTH - LEFT - RIGHT)
    step = (HEIGHT - TOP - BOTTOM) / len(rows)
    parts = [*_frame(title, x, across, None)]
    for number, (label, row) in enumerate(rows.items()):
        top, begin = TOP + number * step + step * 0.35, 0.0
        parts.append(_text(LEFT, top - 4, label))
        for name, value in row.items():
            place = f'x="{LEFT + across.at(begin):.1f}" width="{across.at(value):.1f}"'
            colour = COLOURS[names.index(name) % len(COLOURS)]
            parts.append(f'<rect {place} y="{top:.1f}" height="{step * 0.5:.1f}" fill="{colour}"/>')
            begin += value
    return _svg([*parts, *_legend(names)])


class _Axis:
    """Axis over `pixels` from 0 to a round number that no value exceeds."""

    def __init__(self, most: float, pixels: float) -> None:
        rough = max(most, 1e-9) / TICKS
        power = 10.0 ** math.floor(math.log10(rough))
        self.step = next(power * step for step in (1, 2, 2.5, 5, 10) if power * step >= rough)
        self._scale = pixels / (self.step * TICKS)

    def at(self, value: float) -> float:
        return value * self._scale

    def ticks(self) -> list[float]:
        return [self.step * number for number in range(TICKS + 1)]


def _frame(title: str, x: str, across: _Axis, up: _Axis | None) -> list[str]:
    right, floor = WIDTH - RIGHT, HEIGHT - BOTTOM
    parts = [_text(LEFT, 18, title, "font-weight='bold'"), _text(right, HEIGHT - 4, x, "text-anchor='end'")]
    for value in across.ticks():
        at = LEFT + across.at(value)
        parts.append(f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{floor}" stroke="#ddd"/>')
        parts.append(_text(at, floor + 16, f"{value:g}", "text-anchor='middle'"))
    for value in up.ticks() if up else []:
        at = floor - up.at(value) if up else floor
        parts.append(f'<line x1="{LEFT}" x2="{right}" y1="{at:.1f}" y2="{at:.1f}" stroke="#ddd"/>')
        parts.append(_text(LEFT - 6, at + 4, f"{value:,g}", "text-anchor='end'"))
    return parts


def _legend(names: Sequence[str]) -> list[str]:
    at, parts = WIDTH - RIGHT + 12, []
    for number, name in enumerate(names):
        top = TOP + number * 18
        colour = COLOURS[number % len(COLOURS)]
        parts.append(f'<rect x="{at}" y="{top}" width="12" height="12" fill="{colour}"/>')
        parts.append(_text(at + 18, top + 10, name))
    return parts


def _text(x: float, y: float, words: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {more}>{escape(words)}</text>'


def _svg(parts: Sequence[str]) -> str:
    box = f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {box}>'
    return "\n".join([head, f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>', *parts, "</svg>\n"])

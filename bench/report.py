"""Output of a run of the benchmarks: one line of JSON per figure, and a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from bench.figures import Figure, format_number

HEAD = ("", "figure", "who", "median", "min - max", "unit", "goal", "")


class Report:
    """Figures of a run, written to `figures.jsonl` in `folder` and printed as they come."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.figures: list[Figure] = []
        self._lines = folder / "figures.jsonl"
        self._lines.touch()

    def add(self, figures: Iterable[Figure]) -> None:
        """Save and print figures."""
        with self._lines.open("a", buffering=1) as lines:
            for figure in figures:
                self.figures.append(figure)
                lines.write(figure.as_line() + "\n")

    def log(self, text: str) -> None:
        """Print a line of progress."""
        print(text, flush=True)

    def text(self) -> str:
        """Return the table for a terminal."""
        return table([HEAD, *map(row, self.figures)])

    def markdown(self) -> str:
        """Return the table in Markdown for the documentation."""
        lines = [_line(HEAD), _line(["---"] * len(HEAD)), *(_line(row(figure)) for figure in self.figures)]
        return "\n".join(lines) + "\n"


def row(figure: Figure) -> tuple[str, ...]:
    """Return the table cells of a figure."""
    return (
        figure.scenario,
        figure.name,
        figure.contestant,
        format_number(figure.value),
        f"{format_number(min(figure.values))} - {format_number(max(figure.values))}",
        figure.unit,
        str(figure.goal or ""),
        figure.verdict,
    )


def table(rows: Sequence[Sequence[str]]) -> str:
    """Format rows into columns, each as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"

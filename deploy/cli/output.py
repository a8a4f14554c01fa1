"""What every command shares: exit codes, how it shows what it found, and how it fails."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

FAILED = 1
USAGE = 2
UNAVAILABLE = 69
CONFIGURATION = 78

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of words and tables.")]
errors = Console(stderr=True, soft_wrap=True)


class Failure(Exception):
    """Ends the command: a sentence for standard error, and the exit code."""

    def __init__(self, text: str, code: int = FAILED) -> None:
        super().__init__(text)
        self.code = code


def show_json(value: Any) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, default=str) + "\n")


def show(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool, empty: str) -> None:
    """A table of the columns, or all there is as JSON."""
    if as_json:
        show_json(list(rows))
        return
    if not rows:
        say(empty)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(cell(row.get(column)) for column in columns))
    Console(width=None if sys.stdout.isatty() else 200).print(table)


def show_one(fields: Mapping[str, Any], *, as_json: bool) -> None:
    """One thing, a field a line."""
    if as_json:
        show_json(dict(fields))
        return
    for name, value in fields.items():
        sys.stdout.write(f"{name.replace('_', ' ')}: {cell(value)}\n")


def say(text: str) -> None:
    """A line on standard output."""
    sys.stdout.write(text + "\n")


def cell(value: Any) -> str:
    """A value in plain words."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {number}" for name, number in value.items() if number)
    return str(value)

"""Output of all commands: exit codes, the error that ends a command, tables, JSON and progress bars."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, Protocol

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

FAILED = 1
USAGE = 2
UNAVAILABLE = 69
CONFIGURATION = 78

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of words and tables.")]
stderr = Console(stderr=True, soft_wrap=True)


class Failure(Exception):
    """Error that ends a command. The text goes to standard error; `code` is the exit code."""

    def __init__(self, text: str, code: int = FAILED) -> None:
        super().__init__(text)
        self.code = code


def print_json(value: Any) -> None:
    """Print one JSON document on standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, default=str) + "\n")


def print_rows(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool, empty: str
) -> None:
    """Print a table of `columns`, the text `empty` if there are no rows, or the complete rows as JSON."""
    if as_json:
        print_json(list(rows))
        return
    if not rows:
        print_line(empty)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(format_value(row.get(column)) for column in columns))
    Console(width=None if sys.stdout.isatty() else 200).print(table)


def print_fields(fields: Mapping[str, Any], *, as_json: bool) -> None:
    """Print the fields of one object, each on its own line, or the object as JSON."""
    if as_json:
        print_json(dict(fields))
        return
    for name, value in fields.items():
        sys.stdout.write(f"{name.replace('_', ' ')}: {format_value(value)}\n")


def print_line(text: str) -> None:
    """Print a line on standard output."""
    sys.stdout.write(text + "\n")


def format_value(value: Any) -> str:
    """Return a value as plain text: empty for None, yes or no for a boolean, the non-zero items of a mapping."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {number}" for name, number in value.items() if number)
    return str(value)


class ProgressBar(Protocol):
    """Function that updates a progress bar. A `total` of 0 is unknown; `text` replaces the description."""

    def __call__(self, done: int, total: int, text: str = "") -> None: ...


@contextmanager
def progress(text: str) -> Iterator[ProgressBar]:
    """Show a progress bar on standard error during the block, if that is a terminal."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=stderr, disable=not stderr.is_terminal) as bars:
        task = bars.add_task(text, total=None)

        def update(done: int, total: int, text: str = text) -> None:
            bars.update(task, completed=done, total=total or None, description=text)

        yield update

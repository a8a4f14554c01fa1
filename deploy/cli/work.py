"""Running asynchronous work from a command, and showing how far it is."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from deploy.cli.outcome import errors

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run` for a command."""
    return asyncio.run(work)


class Bar(Protocol):
    """How far something is."""

    def __call__(self, done: int, total: int, text: str = "") -> None: ...


@contextmanager
def progress(text: str) -> Iterator[Bar]:
    """A bar on standard error where somebody watches."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=errors, disable=not errors.is_terminal) as bars:
        task = bars.add_task(text, total=None)

        def moved(done: int, total: int, text: str = text) -> None:
            bars.update(task, completed=done, total=total or None, description=text)

        yield moved

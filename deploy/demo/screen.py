"""The demo in the terminal: bars, where the parents stand, and what happened last."""

from __future__ import annotations

from collections import deque
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.text import Text

EVENTS = 8
_COLOURS = {
    "signed_up": "green",
    "invited": "cyan",
    "awaiting_verification": "yellow",
    "withdrawn": "magenta",
    "expired": "red",
    "declined": "red",
    "blocked": "red",
    "not_invited": "bright_black",
}


class Screen:
    """A context manager. Where nobody watches (no terminal), stages and the end are printed as lines."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._bars = Progress(
            TextColumn("{task.description:<34}"),
            BarColumn(bar_width=40),
            MofNCompleteColumn(),
            console=console,
        )
        self._tasks: dict[str, TaskID] = {}
        self._events: deque[str] = deque(maxlen=EVENTS)
        self._counts: dict[str, int] = {}
        self._head = ""

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live = Live(self.drawn(), console=self._console, refresh_per_second=4)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.update(self.drawn())
            self._live.stop()

    def head(self, text: str) -> None:
        """The line on top, which stays."""
        self._head = text
        self._show(text)

    def stage(self, text: str) -> None:
        """Something new begins or is over."""
        self._events.append(f"[bold]{escape(text)}[/bold]")
        self._show(text)

    def tell(self, text: str) -> None:
        """A small event; only shown where somebody watches."""
        self._events.append(escape(text))
        self._show(None)

    def bar(self, name: str, done: int, total: int) -> None:
        """How far something is."""
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(name, total=total)
        self._bars.update(self._tasks[name], completed=done, total=total)
        self._show(None)

    def counts(self, counts: dict[str, int]) -> None:
        """Where the parents stand."""
        self._counts = counts
        self._show(None)

    def _show(self, line: str | None) -> None:
        if self._live is not None:
            self._live.update(self.drawn())
        elif line is not None:
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def drawn(self) -> Group:
        """All of it, as rich draws it."""
        happened = Text.from_markup("\n".join(self._events))
        standing = Text("  ").join(
            Text(f"{count} {status.replace('_', ' ')}", style=_COLOURS.get(status, ""))
            for status, count in self._counts.items()
            if count and status != "total"
        )
        return Group(
            Text(self._head, style="bold"),
            self._bars,
            Panel(standing, title="Where the parents stand", title_align="left"),
            Panel(happened, title="What happened", title_align="left", height=EVENTS + 2),
        )

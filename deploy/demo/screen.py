"""Terminal output of the demo: progress bars, parents by status, and the latest events."""

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

MAX_EVENTS = 8
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
    """Context manager. Without a terminal only announcements are printed, one per line."""

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
        self._events: deque[str] = deque(maxlen=MAX_EVENTS)
        self._counts: dict[str, int] = {}
        self._header = ""

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live = Live(self.render(), console=self._console, refresh_per_second=4)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.update(self.render())
            self._live.stop()

    def set_header(self, text: str) -> None:
        """Set the permanent line at the top."""
        self._header = text
        self._show(text)

    def announce(self, text: str) -> None:
        """Show that a step begins or has ended."""
        self._events.append(f"[bold]{escape(text)}[/bold]")
        self._show(text)

    def add_event(self, text: str) -> None:
        """Show a minor event, on a terminal only."""
        self._events.append(escape(text))
        self._show(None)

    def update_bar(self, name: str, done: int, total: int) -> None:
        """Set the progress of a bar, which is added on the first call."""
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(name, total=total)
        self._bars.update(self._tasks[name], completed=done, total=total)
        self._show(None)

    def set_counts(self, counts: dict[str, int]) -> None:
        """Set the numbers of parents by status."""
        self._counts = counts
        self._show(None)

    def _show(self, line: str | None) -> None:
        if self._live is not None:
            self._live.update(self.render())
        elif line is not None:
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def render(self) -> Group:
        """Return the whole screen for rich."""
        events = Text.from_markup("\n".join(self._events))
        statuses = Text("  ").join(
            Text(f"{count} {status.replace('_', ' ')}", style=_COLOURS.get(status, ""))
            for status, count in self._counts.items()
            if count and status != "total"
        )
        return Group(
            Text(self._header, style="bold"),
            self._bars,
            Panel(statuses, title="Where the parents stand", title_align="left"),
            Panel(events, title="What happened", title_align="left", height=MAX_EVENTS + 2),
        )

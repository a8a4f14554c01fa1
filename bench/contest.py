"""Taking turns: while one contestant is measured, all others are frozen."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import Protocol


class Freezable(Protocol):
    """Contestant that uses no CPU inside `aside()` and is as ready afterwards as it was before."""

    def aside(self) -> AbstractContextManager[None]: ...


def freeze_others(contestant: Freezable, everybody: Sequence[Freezable]) -> ExitStack:
    """Return a context manager inside which all contestants but this one are frozen."""
    with ExitStack() as still:
        for waiting in everybody:
            if waiting is not contestant:
                still.enter_context(waiting.aside())
        return still.pop_all()

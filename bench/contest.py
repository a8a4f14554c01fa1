"""Taking turns: while one contestant is measured, all others are frozen."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import Protocol


class Patient(Protocol):
    """Contestant that uses no CPU inside `aside()` and is as ready afterwards as it was before."""

    def aside(self) -> AbstractContextManager[None]: ...


def alone(one: Patient, everybody: Sequence[Patient]) -> ExitStack:
    """Return a context manager inside which all contestants but this one are frozen."""
    with ExitStack() as still:
        for other in everybody:
            if other is not one:
                still.enter_context(other.aside())
        return still.pop_all()

"""Contestants take turns on one machine."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import Protocol


class Patient(Protocol):
    """Stands still inside `aside()` and takes no CPU; afterwards it is as ready as before."""

    def aside(self) -> AbstractContextManager[None]: ...


def alone(one: Patient, everybody: Sequence[Patient]) -> ExitStack:
    """A context manager: inside, all but this one stand still."""
    with ExitStack() as still:
        for other in everybody:
            if other is not one:
                still.enter_context(other.aside())
        return still.pop_all()

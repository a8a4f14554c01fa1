"""Work in the background of a process: periodic tasks, and parts that close at the same time."""

from __future__ import annotations

from shared.runtime.background.parallel_close import ParallelClose
from shared.runtime.background.periodic_task import PeriodicTask

__all__ = [
    "ParallelClose",
    "PeriodicTask",
]

"""CPU time and memory of processes, from the operating system."""

import contextlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from bench.background import Background

_PSS = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)
_GONE = (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError)


def cpu_seconds(pid: int) -> float:
    """Return user and system time of a process and all its descendants, including those that have ended."""
    total = 0.0
    for process in _family(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def memory_bytes(pid: int) -> int:
    """Return the memory of a process and all its descendants as PSS, which divides shared pages among those who share
    them.
    """
    total = 0
    for process in _family(pid):
        with contextlib.suppress(*_GONE):
            match = _PSS.search(Path(f"/proc/{process.pid}/smaps_rollup").read_text())
            total += int(match.group(1)) * 1024 if match else 0
    return total


def _family(pid: int) -> Iterator[psutil.Process]:
    top = psutil.Process(pid)
    yield top
    yield from top.children(recursive=True)


class Meter:
    """Context manager that measures what named process trees cost between its begin and its end.

    `cpu_seconds` and `peak_bytes` are by name. Memory is sampled at both ends and every `every_seconds`;
    `peak_total_bytes` is the largest sum of one sample. Raises NoSuchProcess at the end if a process has ended in
    between. A sample of sixty processes takes 0.1 s of CPU, so samples are rare.
    """

    def __init__(self, pids: Mapping[str, int], *, every_seconds: float = 5.0) -> None:
        self._pids = dict(pids)
        self._poller = Background(self._poll, every_seconds=every_seconds)
        self._before: dict[str, float] = {}
        self.cpu_seconds: dict[str, float] = {}
        self.peak_bytes: dict[str, int] = dict.fromkeys(pids, 0)
        self.peak_total_bytes = 0

    def __enter__(self) -> Self:
        self._before = {name: cpu_seconds(pid) for name, pid in self._pids.items()}
        self._poller.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._poller.stop()
        if error is None:
            self._poller.check()
            self.cpu_seconds = {
                name: cpu_seconds(pid) - self._before[name] for name, pid in self._pids.items()
            }
            self._poll()

    def _poll(self) -> None:
        now = {name: memory_bytes(pid) for name, pid in self._pids.items()}
        for name, size in now.items():
            self.peak_bytes[name] = max(self.peak_bytes[name], size)
        self.peak_total_bytes = max(self.peak_total_bytes, sum(now.values()))

"""Freezing of process trees while another contestant has the machine."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import psutil

_STOP_SECONDS = 30.0
_POLL_SECONDS = 0.001


@contextmanager
def frozen(pids: Iterable[int]) -> Iterator[None]:
    """Stop these processes and all their descendants (SIGSTOP), and continue them afterwards.

    A parent is stopped before its children are listed, so that no child is missed. Raises TimeoutError if one does
    not stop.
    """
    stopped: list[psutil.Process] = []
    try:
        for pid in pids:
            _stop(psutil.Process(pid), stopped)
        yield
    finally:
        for process in reversed(stopped):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()


def _stop(process: psutil.Process, stopped: list[psutil.Process]) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.suspend()
        stopped.append(process)
        _wait_stopped(process)
        for child in process.children():
            _stop(child, stopped)


def _wait_stopped(process: psutil.Process) -> None:
    """Wait until the signal has taken effect, which happens when the process is next scheduled."""
    deadline = time.monotonic() + _STOP_SECONDS
    while process.status() not in {psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE}:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{process.name()} does not stop")
        time.sleep(_POLL_SECONDS)

"""Processes that stand still while another contestant has the machine."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import psutil


@contextmanager
def frozen(pids: Iterable[int]) -> Iterator[None]:
    """Stop these processes and all below them (SIGSTOP), and let them go on afterwards.

    A parent is stopped before its children are listed, so that none is born in between.
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
        for child in process.children():
            _stop(child, stopped)

"""Frozen contestants use no CPU."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import psutil

from bench.freezing import frozen
from tests.support.waiting import eventually

_PARENT_OF_ONE = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'])"


def test_a_process_and_its_children_stand_still_and_go_on() -> None:
    with subprocess.Popen([sys.executable, "-c", _PARENT_OF_ONE], stdin=subprocess.PIPE) as started:
        top = psutil.Process(started.pid)
        asyncio.run(eventually(lambda: bool(top.children())))
        family = [top, *top.children()]
        with frozen([started.pid]):
            assert {process.status() for process in family} == {psutil.STATUS_STOPPED}
        asyncio.run(
            eventually(lambda: not {process.status() for process in family} & {psutil.STATUS_STOPPED})
        )
        started.communicate(b"\n", timeout=60)
    assert started.returncode == 0

"""Contestants that wait take no CPU."""

from __future__ import annotations

import subprocess
import sys

import psutil

from bench.freezing import frozen

_PARENT_OF_ONE = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'])"


def test_a_process_and_its_children_stand_still_and_go_on() -> None:
    with subprocess.Popen([sys.executable, "-c", _PARENT_OF_ONE], stdin=subprocess.PIPE) as started:
        top = psutil.Process(started.pid)
        while not top.children():
            assert started.poll() is None
        family = [top, *top.children()]
        with frozen([started.pid]):
            assert {process.status() for process in family} == {psutil.STATUS_STOPPED}
        assert psutil.STATUS_STOPPED not in {process.status() for process in family}
        started.communicate(b"\n", timeout=60)
    assert started.returncode == 0

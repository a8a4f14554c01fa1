"""The meter counts processes with all their descendants."""

import os
import subprocess
import sys

import psutil
import pytest

from bench.measure import Meter, cpu_seconds, memory_bytes
from tests.support.waiting import eventually

BURN = "import time\nwhile time.process_time() < 0.3: pass\n"
CHILD = f"""
import subprocess, sys
subprocess.run([sys.executable, '-c', {BURN!r}], check=True)
print('done', flush=True)
input()
"""


def test_cpu_of_a_child_that_has_ended_is_counted() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        with Meter({"family": parent.pid}) as meter:
            assert parent.stdout.readline() == b"done\n"
        parent.communicate(b"\n")
    assert meter.cpu_seconds["family"] >= 0.25


async def test_memory_grows_with_what_is_kept() -> None:
    with Meter({"us": os.getpid()}, every_seconds=0.001) as meter:
        before = memory_bytes(os.getpid())
        held = bytearray(os.urandom(1)) * 64_000_000
        await eventually(lambda: meter.peak_total_bytes > before + 50_000_000)
    assert len(held) == 64_000_000
    assert meter.peak_bytes["us"] == meter.peak_total_bytes


def test_a_process_that_is_gone_is_an_error() -> None:
    gone = subprocess.Popen([sys.executable, "-c", "pass"])
    gone.wait()
    with pytest.raises(psutil.NoSuchProcess):
        cpu_seconds(gone.pid)

"""Profiles of running processes and statements."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.profile import OPTIONS, StatementCounter, profile
from bench.unavailable import Unavailable
from tests.support.postgres import Cluster

BUSY = """
def burn():
    while True:
        sum(range(1000))
print('running', flush=True)
burn()
"""


def test_the_busy_function_is_found() -> None:
    with subprocess.Popen([sys.executable, "-c", BUSY], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            deadline = time.monotonic() + 60
            summary = profile({"busy": process.pid}, 1)["busy"]
            while not summary.samples and time.monotonic() < deadline:  # the machine was busy
                summary = profile({"busy": process.pid}, 1)["busy"]
        except Unavailable as reason:
            pytest.skip(f"py-spy: {reason}")
        finally:
            process.kill()
    assert summary.samples > 0
    dearest = max(summary.functions, key=lambda function: function.self_share)
    assert dearest.name.startswith("burn ")


def test_a_process_that_is_not_python_is_named() -> None:
    with subprocess.Popen(["sleep", "600"]) as process:
        try:
            with pytest.raises(Unavailable, match="sleeper"):
                profile({"sleeper": process.pid}, 1)
        finally:
            process.kill()


def test_statements_of_a_database_are_counted(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, ("fsync=off", *OPTIONS))
    try:
        counter = StatementCounter(cluster, "kinvite")
        cluster.sql("SELECT 'before'", database="kinvite")
        counter.reset()
        for number in range(3):
            cluster.sql(f"SELECT {number}\n + 1 FROM generate_series(1, 10)", database="kinvite")
            cluster.sql("SELECT 'elsewhere'")
        (result,) = counter.top()
    finally:
        cluster.stop()
    assert result.text == "SELECT $1 + $2 FROM generate_series($3, $4)"
    assert (result.calls, result.rows) == (3, 30)
    assert result.line().endswith(result.text)

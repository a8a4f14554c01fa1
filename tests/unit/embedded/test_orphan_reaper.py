"""Unit tests of the reaper of orphaned processes."""

from __future__ import annotations

import signal
import subprocess

from deploy.embedded.orphan_reaper import OrphanReaper


def test_the_processes_set_last_end_when_the_pipe_ends() -> None:
    with (
        subprocess.Popen(["sleep", "60"]) as former,
        subprocess.Popen(["sleep", "60"]) as first,
        subprocess.Popen(["sleep", "60"]) as second,
    ):
        reaper = OrphanReaper()
        reaper.set_children({former.pid: signal.SIGKILL})
        reaper.set_children({first.pid: signal.SIGKILL, second.pid: signal.SIGTERM})
        assert reaper.process.stdin is not None
        reaper.process.stdin.close()
        assert (first.wait(20), second.wait(20)) == (-signal.SIGKILL, -signal.SIGTERM)
        reaper.process.wait(20)
        assert former.poll() is None
        former.kill()


def test_an_orderly_stop_ends_no_process() -> None:
    with subprocess.Popen(["sleep", "60"]) as other:
        reaper = OrphanReaper()
        reaper.set_children({other.pid: signal.SIGKILL})
        reaper.close()
        assert other.poll() is None
        other.kill()

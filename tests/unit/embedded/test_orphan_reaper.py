"""The stand-in for the kernel's care, where the kernel has none."""

import signal
import subprocess

from deploy.embedded.guard import Guard


def test_what_it_was_told_last_ends_when_the_pipe_ends() -> None:
    with (
        subprocess.Popen(["sleep", "60"]) as kept,
        subprocess.Popen(["sleep", "60"]) as first,
        subprocess.Popen(["sleep", "60"]) as second,
    ):
        guard = Guard()
        guard.tell({kept.pid: signal.SIGKILL})
        guard.tell({first.pid: signal.SIGKILL, second.pid: signal.SIGTERM})
        assert guard._process.stdin is not None
        guard._process.stdin.close()
        assert (first.wait(20), second.wait(20)) == (-signal.SIGKILL, -signal.SIGTERM)
        guard._process.wait(20)
        assert kept.poll() is None
        kept.kill()


def test_a_supervisor_that_stops_in_order_leaves_nobody_to_end() -> None:
    with subprocess.Popen(["sleep", "60"]) as other:
        guard = Guard()
        guard.tell({other.pid: signal.SIGKILL})
        guard.close()
        assert other.poll() is None
        other.kill()

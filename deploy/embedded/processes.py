"""Child processes that end with the supervisor, and processes that an earlier, killed supervisor left running."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.embedded.logs import open_log

POLL_SECONDS = 0.02
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Identity:
    """A process id with the start time of the process, because the system gives ids to new processes again."""

    pid: int
    began: str

    @property
    def is_alive(self) -> bool:
        """Whether this very process still runs."""
        return read_start_time(self.pid) == self.began


def read_start_time(pid: int) -> str | None:
    """Return the start time of a process in the system's own format; None if it does not exist or is a zombie."""
    if sys.platform != "linux":
        listing = subprocess.run(
            ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
        )
        return listing.stdout.strip() or None
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = status.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else fields[19]


def find_free_port() -> int:
    """Return a TCP port of 127.0.0.1 that is free at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def die_with_parent(parent: int, death_signal: signal.Signals) -> None:
    """Make the kernel send `death_signal` to this process when its parent ends (Linux only).

    To be called in a child after a change of user, which resets the setting. `parent` is the parent's process id:
    the child exits at once if the parent has already ended.
    """
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)


@dataclass
class Child:
    """One supervised process. It gets `stop_signal` for an orderly stop and `death_signal` when the supervisor ends."""

    name: str
    log: Path
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL
    change_user: Callable[[], None] | None = None
    process: asyncio.subprocess.Process | None = field(default=None, init=False)
    identity: Identity | None = field(default=None, init=False)

    async def start(
        self,
        arguments: Sequence[str],
        *,
        environment: Mapping[str, str],
        pass_fds: Sequence[int] = (),
        **options: Any,
    ) -> None:
        """Start the program with its output in the log; `options` are passed on to `create_subprocess_exec`.

        Raises OSError or subprocess.SubprocessError if the program cannot be started.
        """
        parent, change_user, death_signal = os.getpid(), self.change_user, self.death_signal

        def prepare() -> None:
            if change_user is not None:
                change_user()
            die_with_parent(parent, death_signal)

        with open_log(self.log) as log:
            self.process = await asyncio.create_subprocess_exec(
                *arguments,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(environment),
                pass_fds=tuple(pass_fds),
                start_new_session=True,
                preexec_fn=prepare,
                **options,
            )
        self.identity = Identity(self.process.pid, read_start_time(self.process.pid) or "")

    @property
    def is_running(self) -> bool:
        """Whether the process was started and has not ended."""
        return self.process is not None and self.process.returncode is None

    async def wait(self) -> int:
        """Wait for the process to end and return its exit status."""
        assert self.process is not None
        return await self.process.wait()

    async def stop(self, timeout_seconds: float) -> None:
        """Send `stop_signal`, and SIGKILL after `timeout_seconds`; return when the process has ended."""
        if self.process is None or not self.is_running:
            return
        with suppress(ProcessLookupError):
            self.process.send_signal(self.stop_signal)
        try:
            await asyncio.wait_for(self.process.wait(), timeout_seconds)
        except TimeoutError:
            with suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()


async def end_leftover(
    identity: Identity, first_signal: signal.Signals, timeout_seconds: float = 5.0
) -> None:
    """End a process that outlived its supervisor: `first_signal`, then SIGKILL after `timeout_seconds`.

    A process that has got the same id since is left alone.
    """
    loop = asyncio.get_running_loop()
    for number in (first_signal, signal.SIGKILL):
        if not identity.is_alive:
            return
        with suppress(ProcessLookupError):
            os.kill(identity.pid, number)
        deadline = loop.time() + timeout_seconds
        while loop.time() < deadline and identity.is_alive:  # noqa: ASYNC110 - the kernel reports no event for it
            await asyncio.sleep(POLL_SECONDS)

"""Child processes that die with the supervisor, and what a killed run left behind."""

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

POLL_SECONDS = 0.02
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Identity:
    """A process and the moment it began, so that another one with the same number is not taken for it."""

    pid: int
    began: str

    @property
    def alive(self) -> bool:
        return began(self.pid) == self.began


def began(pid: int) -> str | None:
    """When the process began, in the system's own words; None when there is no such process (or only its zombie)."""
    if sys.platform != "linux":
        told = subprocess.run(
            ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
        )
        return told.stdout.strip() or None
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = status.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else fields[19]


def die_with_parent(parent: int, death: signal.Signals) -> None:
    """Run in the child after any change of user, which would undo it: `death` is sent when the parent ends."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(death), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)


@dataclass
class Child:
    """One supervised process. `death` is what it gets when the supervisor is gone, `stop_signal` a polite stop."""

    name: str
    log: Path
    stop_signal: signal.Signals = signal.SIGTERM
    death: signal.Signals = signal.SIGKILL
    change_user: Callable[[], None] | None = None
    process: asyncio.subprocess.Process | None = field(default=None, init=False)
    identity: Identity | None = field(default=None, init=False)

    async def start(
        self,
        arguments: Sequence[str],
        *,
        environment: Mapping[str, str],
        pass_fds: Sequence[int] = (),
        **more: Any,
    ) -> None:
        """Raises OSError or subprocess.SubprocessError when the program cannot be started."""
        parent, change_user, death = os.getpid(), self.change_user, self.death

        def prepare() -> None:
            if change_user is not None:
                change_user()
            die_with_parent(parent, death)

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
                **more,
            )
        self.identity = Identity(self.process.pid, began(self.process.pid) or "")

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.returncode is None

    async def wait(self) -> int:
        assert self.process is not None
        return await self.process.wait()

    async def stop(self, patience_seconds: float) -> None:
        """Politely first, then with SIGKILL; returns when the process is gone."""
        if self.process is None or not self.running:
            return
        with suppress(ProcessLookupError):
            self.process.send_signal(self.stop_signal)
        try:
            await asyncio.wait_for(self.process.wait(), patience_seconds)
        except TimeoutError:
            with suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()


def open_log(path: Path) -> Any:
    """Append to a log that only its owner may read."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")


async def end_leftover(identity: Identity, first: signal.Signals, patience_seconds: float = 5.0) -> None:
    """End a process that outlived its supervisor, if it is still the same one."""
    loop = asyncio.get_running_loop()
    for number in (first, signal.SIGKILL):
        if not identity.alive:
            return
        with suppress(ProcessLookupError):
            os.kill(identity.pid, number)
        deadline = loop.time() + patience_seconds
        while loop.time() < deadline and began(identity.pid) == identity.began:  # noqa: ASYNC110 - the kernel has no event for it
            await asyncio.sleep(POLL_SECONDS)

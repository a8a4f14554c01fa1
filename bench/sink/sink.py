"""The mail server of the benchmarks: smtp-sink of Debian's postfix, which takes every mail and throws it away."""

import os
import pwd
import shutil
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.debian import program
from bench.measure import cpu_seconds
from bench.sink.arrivals import Arrivals
from bench.sink.watch import Watch
from tests.support.processes import Server, StartFailed, free_port, listens

_BACKLOG = 1_000
_COUNTER = b"mesg="
_TAIL_BYTES = 256


class Sink:
    """smtp-sink on a port of 127.0.0.1, from `start()` to `stop()` or for the length of a `with`.

    It writes its running counters to a file before it answers a mail's last dot, so `accepted()` is exact and costs
    the sink one short write per mail and nothing else. With `keep` it also writes what it receives, for `arrivals()`;
    that nearly doubles its CPU, so it is for questions about single mails in a crowd. Sessions idle for 100 s are
    ended by it. `directory` gets its counters and complaints. Raises Unavailable where Debian's package cannot be had.
    """

    def __init__(self, directory: Path, *, keep: bool = False) -> None:
        self.port = free_port()
        self._directory = directory
        self._log = directory / "smtp-sink.counters"
        self._keep = keep
        self._kept: Path | None = None
        self._server: Server | None = None
        self._counters = -1

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The process, while it runs."""
        assert self._server is not None, "the sink has not been started"
        return self._server.pid

    def start(self) -> None:
        """Run it and wait until it takes connections."""
        sink = program("smtp-sink", ["postfix"], ["usr/lib/postfix"])
        self._directory.mkdir(parents=True, exist_ok=True)
        self._log.write_bytes(b"")
        self._counters = os.open(self._log, os.O_RDONLY)
        options = ["-c"]
        if os.geteuid() == 0:
            options += ["-u", "nobody"]
        if self._keep:
            self._kept = _folder_for_mails()
            options += ["-D", f"{self._kept}/%s"]
        self._server = Server(
            [str(sink.path), *options, f"127.0.0.1:{self.port}", str(_BACKLOG)],
            self._log,
            environment={**sink.environment, "TZ": "UTC"},
        )
        try:
            self._server.wait_until(lambda: listens(self.port), seconds=10)
        except StartFailed:
            self.stop()
            raise

    def stop(self) -> None:
        """End it, whatever it is doing."""
        if self._server is not None:
            self._server.kill()
            self._server = None
            os.close(self._counters)
        if self._kept is not None:
            shutil.rmtree(self._kept)
            self._kept = None

    def accepted(self) -> int:
        """How many mails it has taken over since it started."""
        size = os.fstat(self._counters).st_size
        return _last_count(os.pread(self._counters, _TAIL_BYTES, max(0, size - _TAIL_BYTES))) or _last_count(
            os.pread(self._counters, size, 0)
        )

    def cpu_seconds(self) -> float:
        """User and system time of the process so far."""
        return cpu_seconds(self.pid)

    def watch(self, every_seconds: float = 0.001) -> Watch:
        """A clock beside the counter; `every_seconds` is the resolution of its times."""
        return Watch(self.accepted, every_seconds)

    def arrivals(self, marker: bytes) -> Arrivals:
        """When mails to addresses that contain `marker` arrived; only with `keep`."""
        assert self._kept is not None, "this sink keeps no mails, or is not running"
        return Arrivals(self._kept, marker)


def _folder_for_mails() -> Path:
    """In memory where that is possible, and open to the user as whom the sink runs."""
    memory = Path("/dev/shm")  # noqa: S108 (a folder of our own below it)
    folder = Path(tempfile.mkdtemp(prefix="kinvite-bench-", dir=memory if memory.is_dir() else None))
    if os.geteuid() == 0:
        user = pwd.getpwnam("nobody")
        os.chown(folder, user.pw_uid, user.pw_gid)
    return folder


def _last_count(counters: bytes) -> int:
    """The newest counter in a piece of the file, which may begin and end anywhere and hold warnings; 0 for none."""
    end = counters.rfind(b"\r")
    start = counters.rfind(_COUNTER, 0, max(end, 0))
    return int(counters[start + len(_COUNTER) : end]) if start >= 0 else 0

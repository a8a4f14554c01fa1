"""Mail server of the benchmarks: smtp-sink of Debian's postfix, which accepts every email and throws it away."""

import contextlib
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
from bench.sink.changes import Changes
from bench.sink.watch import Watch
from tests.support.processes import Server, free_port, listens

_BACKLOG = 1_000
_COUNTER = b"mesg="
_TAIL_BYTES = 256


class Sink:
    """smtp-sink on a port of 127.0.0.1, from `start()` to `stop()` or for the length of a `with`.

    It writes its running counters to a file before it answers the last dot of an email, so `count()` is exact and
    costs the sink one short write per email and nothing else. With `keep` it also writes what it receives, for
    `arrivals()`; that nearly doubles its CPU, so it is for single emails in a crowd. All times are of
    `time.monotonic()`. Sessions that are idle for 100 s are closed. `directory` gets the counters and errors; without
    one they are dropped at the end. Raises Unavailable where Debian's package cannot be had.
    """

    host = "127.0.0.1"

    def __init__(self, directory: Path | None = None, *, keep: bool = False) -> None:
        self.port = free_port()
        self._directory = directory
        self._write_details = keep
        self._kept: Path | None = None
        self._opened = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start smtp-sink and wait until it accepts connections."""
        sink = program("smtp-sink", ["postfix"], ["usr/lib/postfix"])
        with contextlib.ExitStack() as opened:
            self._log = self._folder(opened) / "smtp-sink.counters"
            self._log.write_bytes(b"")
            self._server = Server(
                [str(sink.path), *self._options(opened), f"{self.host}:{self.port}", str(_BACKLOG)],
                self._log,
                environment={**sink.environment, "TZ": "UTC"},
            )
            opened.callback(self._server.kill)
            self._server.wait_until(lambda: listens(self.port), seconds=10)
            self._watch_counters(opened)
            self._opened = opened.pop_all()

    def stop(self) -> None:
        """End the process, whatever it is doing. The times seen so far remain available."""
        self._opened.close()

    @property
    def pid(self) -> int:
        """Return the pid."""
        return self._server.pid

    @property
    def curve(self) -> list[tuple[float, int]]:
        """Return (time, emails accepted by then) for every moment at which more were seen than before."""
        return self._watch.curve

    def count(self) -> int:
        """Return how many emails it has accepted since it started."""
        size = os.fstat(self._counters).st_size
        return _last_count(os.pread(self._counters, _TAIL_BYTES, max(0, size - _TAIL_BYTES))) or _last_count(
            os.pread(self._counters, size, 0)
        )

    def wait(self, count: int, timeout: float) -> float:
        """Wait for the `count`-th email since the start and return when it was accepted. Raises TimeoutError.

        The time is exact to a fraction of a millisecond when emails come one by one, and to a millisecond in a crowd.
        """
        return self._watch.wait(count, timeout)

    def time_of(self, count: int) -> float:
        """Return when the `count`-th email was accepted. Raises LookupError if there were not so many."""
        return self._watch.time_of(count)

    def cpu_seconds(self) -> float:
        """Return user and system time of the process so far."""
        return cpu_seconds(self.pid)

    def arrivals(self, marker: bytes) -> Arrivals:
        """Return the arrivals of emails to addresses that contain `marker`; only with `keep`."""
        assert self._kept is not None, "this sink keeps no emails"
        return Arrivals(self._kept, marker)

    def _folder(self, opened: contextlib.ExitStack) -> Path:
        if self._directory is None:
            return Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="kinvite-bench-")))
        self._directory.mkdir(parents=True, exist_ok=True)
        return self._directory

    def _options(self, opened: contextlib.ExitStack) -> list[str]:
        options = ["-c"]
        if os.geteuid() == 0:
            options += ["-u", "nobody"]
        if self._write_details:
            self._kept = _folder_for_emails()
            opened.callback(shutil.rmtree, self._kept)
            options += ["-D", f"{self._kept}/%s"]
        return options

    def _watch_counters(self, opened: contextlib.ExitStack) -> None:
        self._counters = os.open(self._log, os.O_RDONLY)
        opened.callback(os.close, self._counters)
        changes = Changes(self._log)
        opened.callback(changes.close)
        self._watch = Watch(self.count, changes.wait)
        self._watch.start()
        opened.callback(self._watch.stop)


def _folder_for_emails() -> Path:
    """Return a folder in memory where that is possible, writable by the user as whom the sink runs."""
    memory = Path("/dev/shm")  # noqa: S108 (a folder of our own below it)
    folder = Path(tempfile.mkdtemp(prefix="kinvite-bench-", dir=memory if memory.is_dir() else None))
    if os.geteuid() == 0:
        user = pwd.getpwnam("nobody")
        os.chown(folder, user.pw_uid, user.pw_gid)
    return folder


def _last_count(counters: bytes) -> int:
    """Return the newest counter in a piece of the file, which may begin and end anywhere and contain warnings; 0 for
    none.
    """
    end = counters.rfind(b"\r")
    start = counters.rfind(_COUNTER, 0, max(end, 0))
    return int(counters[start + len(_COUNTER) : end]) if start >= 0 else 0

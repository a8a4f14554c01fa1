"""Peers as contestants."""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.families import families_csv
from bench.freezing import frozen
from bench.jobs import Job, email_curve
from bench.peers import PEERS, Peer
from bench.peers.runs import run_bulk, run_singles
from bench.sink import Sink
from bench.unavailable import Unavailable


class Rival:
    """Running peer; `folder` gets the files that are uploaded to it."""

    def __init__(self, peer: Peer, sink: Sink, folder: Path) -> None:
        self.name = peer.name
        self.peer = peer
        self._sink = sink
        self._folder = folder
        self._numbers = itertools.count(1)

    def bulk(self, parents: int) -> Job:
        """Upload a new file and wait for its emails."""
        tag = f"{self.name}-{next(self._numbers)}"
        file = self._folder / f"{tag}.csv"
        file.write_bytes(families_csv(parents, tag))
        before, begin = self._sink.count(), time.monotonic()
        done = run_bulk(self.peer, self._sink, file, parents)
        file.unlink()
        curve = email_curve(self._sink, begin, before)
        return Job(parents, done.seconds, done.cpu_seconds, done.peak_total_bytes, curve)

    def clicks(self, count: int) -> list[float]:
        """Return the milliseconds from each click to the accepted email, one after the other."""
        return [seconds * 1000 for seconds in run_singles(self.peer, self._sink, count)]

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Freeze all processes; a peer has no sessions that expire."""
        with frozen(self.peer.processes().values()):
            yield


def rivals(sink: Sink, stack: ExitStack, log: Callable[[str], None]) -> list[Rival]:
    """Start all peers that can be had, until `stack` is closed; the others are printed."""
    ready: list[Rival] = []
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kinvite-bench-")))
    folder.chmod(0o755)  # PostgreSQL runs as another user
    for name, make in PEERS.items():
        peer = make()
        try:
            peer.prepare()
            peer.start(sink.host, sink.port, folder / name)
        except Unavailable as reason:
            log(f"{name} is left out: {reason}")
        else:
            stack.callback(peer.stop)
            ready.append(Rival(peer, sink, folder))
    return ready

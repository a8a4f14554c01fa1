"""One job of a peer, measured."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.measure import Meter
from bench.peers.peer import Peer
from bench.sink import Sink

_BULK_SECONDS = 900.0
_SINGLE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class BulkResult:
    """`seconds` from before the upload to the last mail's acceptance; CPU seconds and peak memory (PSS) by process."""

    parents: int
    seconds: float
    cpu_seconds: Mapping[str, float]
    peak_bytes: Mapping[str, int]
    peak_total_bytes: int

    @property
    def parents_per_second(self) -> float:
        """End to end."""
        return self.parents / self.seconds

    @property
    def cpu_ms_per_parent(self) -> float:
        """Of all processes together: application, broker and database, but not the mail server."""
        return sum(self.cpu_seconds.values()) * 1_000 / self.parents


def run_bulk(peer: Peer, sink: Sink, csv: Path, parents: int) -> BulkResult:
    """Upload the file of `parents` parents to a started, idle peer, and wait for all mails.

    Raises TimeoutError when mails are missing, and AssertionError when there were more than parents.
    """
    before = sink.count()
    with Meter(peer.processes()) as meter:
        began = time.monotonic()
        peer.bulk(csv)
        ended = sink.wait(before + parents, _BULK_SECONDS)
        peer.wait_until_idle()
    assert sink.count() == before + parents, f"{sink.count() - before} mails for {parents} parents"
    return BulkResult(parents, ended - began, meter.cpu_seconds, meter.peak_bytes, meter.peak_total_bytes)


def run_singles(peer: Peer, sink: Sink, count: int) -> list[float]:
    """Seconds from the click to the mail's acceptance, `count` times, one after the other, on an idle peer."""
    seconds = []
    for number in range(count):
        awaited = sink.count() + 1
        began = time.monotonic()
        peer.single(f"single-{number}@families.example", "Jo Roe")
        seconds.append(sink.wait(awaited, _SINGLE_SECONDS) - began)
        peer.wait_until_idle()
    return seconds

"""Measured runs of a peer."""

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
    """Result of a bulk run:

    `seconds` from before the upload to the last accepted email; CPU and peak PSS by process.
    """

    parents: int
    seconds: float
    cpu_seconds: Mapping[str, float]
    peak_bytes: Mapping[str, int]
    peak_total_bytes: int

    @property
    def parents_per_second(self) -> float:
        """Return the end-to-end throughput."""
        return self.parents / self.seconds

    @property
    def cpu_ms_per_parent(self) -> float:
        """Return the CPU time of application, queue and database per parent, without the mail server."""
        return sum(self.cpu_seconds.values()) * 1_000 / self.parents


def run_bulk(peer: Peer, sink: Sink, csv: Path, parents: int) -> BulkResult:
    """Upload the file of `parents` parents to a started, idle peer and wait for all emails.

    Raises TimeoutError if emails are missing, and AssertionError if there were more than parents.
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
    """Invite `count` parents one after the other on an idle peer; return the seconds from each click to its accepted
    email.
    """
    seconds = []
    for number in range(count):
        awaited = sink.count() + 1
        began = time.monotonic()
        peer.single(f"single-{number}@families.example", "Jo Roe")
        seconds.append(sink.wait(awaited, _SINGLE_SECONDS) - began)
        peer.wait_until_idle()
    return seconds

"""Command line for peers alone: `python -m bench.peers --smoke`, or `--parents 10000 --runs 5 node_bullmq_2`."""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from bench.peers import PEERS, Peer
from bench.peers.runs import BulkResult, run_bulk, run_singles
from bench.sink import Sink
from bench.unavailable import Unavailable

_HEADER = "student_name,class_name,father_name,parents_contact,parents_email\n"


def main() -> int:
    """Run the peers; return 0 if every peer ran and 1 if one cannot be had here."""
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__)
    parser.add_argument("peers", nargs="*", choices=[[], *PEERS], help="which; all by default")
    parser.add_argument("--smoke", action="store_true", help="50 parents, once")
    parser.add_argument("--parents", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--singles", type=int, default=100)
    options = parser.parse_args()
    if options.smoke:
        options.parents, options.runs, options.singles = 50, 1, 5
    missing = 0
    for name in options.peers or PEERS:
        try:
            _measure(PEERS[name](), options)
        except Unavailable as reason:
            print(f"{name}: left out, {reason}", file=sys.stderr)
            missing = 1
    return missing


def _measure(peer: Peer, options: argparse.Namespace) -> None:
    peer.prepare()
    with tempfile.TemporaryDirectory(prefix="kinvite-bench-") as folder:
        Path(folder).chmod(0o755)  # PostgreSQL may run as another user
        csv = Path(folder) / "families.csv"
        csv.write_text(_HEADER + "".join(_family(number) for number in range(options.parents)))
        with Sink() as sink:
            peer.start(sink.host, sink.port, Path(folder) / peer.name)
            try:
                for _ in range(options.runs):
                    _print_bulk(peer.name, run_bulk(peer, sink, csv, options.parents))
                _print_singles(peer.name, run_singles(peer, sink, options.singles))
            finally:
                peer.stop()


def _family(number: int) -> str:
    return f"Robin Roe{number},3b,Jo Roe{number},+4930{5_550_000 + number},parent-{number}@families.example\n"


def _print_bulk(name: str, result: BulkResult) -> None:
    parts = ", ".join(
        f"{process} {seconds * 1_000 / result.parents:.3f}" for process, seconds in result.cpu_seconds.items()
    )
    print(
        f"{name}: {result.parents} parents in {result.seconds:.2f} s, {result.parents_per_second:,.0f}/s; "
        f"CPU {result.cpu_ms_per_parent:.3f} ms each ({parts}); peak {result.peak_total_bytes / 2**20:.0f} MiB"
    )


def _print_singles(name: str, seconds: list[float]) -> None:
    ordered = sorted(seconds)
    last = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    print(f"{name}: single invite p50 {statistics.median(ordered) * 1_000:.1f} ms, p99 {last * 1_000:.1f} ms")


if __name__ == "__main__":
    sys.exit(main())

"""Command line of the long form, which prints a table at the end.

`python -m tests.faults.campaign --seed 7 --faults 300`
"""

from __future__ import annotations

import argparse
import logging
import secrets
import sys
import tempfile
import time
from pathlib import Path

from tests.faults.campaign.plan import BY_NAME, KINDS, plan
from tests.faults.campaign.run import Options, campaign
from tests.support.brokers.base import Unavailable


def main() -> int:
    """Run a campaign.

    Return 0 if no promise was broken, 1 if some were, and 2 if there is no Apache Kafka here that may be killed.
    """
    given = _arguments()
    logging.getLogger("aiokafka").setLevel(
        logging.CRITICAL
    )  # errors of our own clients while there is no broker
    seed = secrets.randbelow(1_000_000) if given.seed is None else given.seed
    directory = given.directory or Path(tempfile.mkdtemp(prefix="kinvite-faults-"))
    directory.mkdir(parents=True, exist_ok=True)
    faults = plan(
        seed, given.faults, kinds=[BY_NAME[name] for name in given.only] or KINDS, apart=given.apart
    )
    began = time.monotonic()

    def log(text: str) -> None:
        sys.stderr.write(f"{time.monotonic() - began:7.1f}  {text}\n")

    log(f"seed {seed}; logs and report.json in {directory}")
    options = Options(seed, clerks=given.clerks, outages=given.outages, apart=given.apart)
    try:
        report = campaign(options, faults, directory, log)
    except Unavailable as reason:
        log(str(reason))
        return 2
    sys.stdout.write(report.table() + "\n")
    return 1 if report.broken else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.campaign", description=__doc__)
    parser.add_argument("--seed", type=int, help="which faults, in which order; left out: a new one, printed")
    parser.add_argument("--faults", type=int, default=300)
    parser.add_argument(
        "--only", nargs="*", default=[], choices=sorted(BY_NAME), help="faults of these kinds alone"
    )
    parser.add_argument("--clerks", type=int, default=6, help="clients that work at the same time")
    parser.add_argument(
        "--apart", action="store_true", help="serve and work in two processes instead of in two replicas"
    )
    parser.add_argument(
        "--outages",
        type=float,
        default=1.0,
        help="share of their full length (43 minutes in all) that the long outages get; 0 leaves them out",
    )
    parser.add_argument("--directory", type=Path, help="where logs and report.json go; must be empty")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

"""`python -m deploy.demo`: run Kinvite with a sample school until Ctrl-C. `--help` lists the options."""

from __future__ import annotations

import argparse
import asyncio
import sys

from deploy.demo.families import FAMILIES
from deploy.demo.run import DemoOptions, run

DEFAULT_SECONDS = 75.0


def main() -> int:
    """Parse the options, run the demo and return its exit status."""
    parser = argparse.ArgumentParser(prog="kinvite demo", description=__doc__)
    parser.add_argument("--families", type=int, default=FAMILIES, help=f"how many (1 to {FAMILIES})")
    parser.add_argument("--seconds", type=float, default=DEFAULT_SECONDS, help="about how long parents take")
    parser.add_argument("--once", action="store_true", help="stop when the last parent has answered")
    options = parser.parse_args()
    if not 1 <= options.families <= FAMILIES or not 0 < options.seconds <= 3600:
        parser.error(f"use 1 to {FAMILIES} families and up to 3600 seconds")
    try:
        return asyncio.run(run(DemoOptions(options.families, options.seconds, forever=not options.once)))
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())

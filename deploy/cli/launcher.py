"""up, demo, serve: Kinvite on this machine, and one service of an installation."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Literal

import typer

from deploy.cli.connection import ROOT, data_directory
from deploy.cli.services import SERVICES

DATA = "KINVITE_DATA"
Service = Annotated[str, typer.Argument(help=f"One of {', '.join(SERVICES)}.")]
Part = Annotated[
    str, typer.Argument(help="api (answers requests) or worker (consumes, sends, watches the time).")
]


def add_to(app: typer.Typer) -> None:
    """The verbs of this module."""
    app.command(epilog="Example: KINVITE_PORT=8090 kinvite up")(up)
    app.command(epilog="Example: kinvite demo --families 50 --seconds 30")(demo)
    app.command(epilog="Example: kinvite serve roster api")(serve)


def up() -> None:
    """Run everything on this machine until Ctrl-C: PostgreSQL, a broker, a mailbox, all services."""
    _become("deploy.embedded")


def demo(
    families: Annotated[int, typer.Option(min=1, max=300, help="How many families the school has.")] = 300,
    seconds: Annotated[float, typer.Option(min=1, max=3600, help="About how long the parents take.")] = 75,
    once: Annotated[bool, typer.Option("--once", help="Stop when the last parent has answered.")] = False,
) -> None:
    """The same with a sample school and simulated parents."""
    options = ["--families", str(families), "--seconds", str(seconds), *(["--once"] if once else [])]
    _become("deploy.demo", *options)


def serve(service: Service, part: Part = "api") -> None:
    """Run one service: its API, or its worker."""
    chosen: Literal["api", "worker"]
    if service not in SERVICES or part not in ("api", "worker"):
        raise typer.BadParameter(f"use one of {', '.join(SERVICES)}, and api or worker")
    chosen = "api" if part == "api" else "worker"
    _become(f"services.{service}", chosen)


def _become(module: str, *arguments: str) -> None:
    os.environ[DATA] = str(data_directory())
    os.chdir(ROOT)
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])  # noqa: S606

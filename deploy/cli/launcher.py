"""Commands `up`, `demo` and `serve`: start Kinvite on this machine, or one service of an installation."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from deploy.cli.connection import ROOT, data_directory
from deploy.cli.services import SERVICES

Service = Annotated[str, typer.Argument(help=f"One of {', '.join(SERVICES)}.")]
Part = Annotated[
    str, typer.Argument(help="api (answers requests) or worker (consumes, sends, runs scheduled work).")
]


def add_commands(app: typer.Typer) -> None:
    """Add the commands of this module to the app."""
    app.command(epilog="Example: KINVITE_PORT=8090 kinvite up")(up)
    app.command(epilog="Example: kinvite demo --families 50 --seconds 30")(demo)
    app.command(epilog="Example: kinvite serve roster api")(serve)


def up() -> None:
    """Run everything on this machine until Ctrl-C: PostgreSQL, a broker, a mailbox, all services."""
    _exec("deploy.embedded")


def demo(
    families: Annotated[int, typer.Option(min=1, max=300, help="How many families the school has.")] = 300,
    seconds: Annotated[float, typer.Option(min=1, max=3600, help="About how long the parents take.")] = 75,
    once: Annotated[bool, typer.Option("--once", help="Stop when the last parent has answered.")] = False,
) -> None:
    """Run everything, as `kinvite up` does, with a sample school and simulated parents."""
    options = ["--families", str(families), "--seconds", str(seconds), *(["--once"] if once else [])]
    _exec("deploy.demo", *options)


def serve(service: Service, part: Part = "api") -> None:
    """Run one service: its API, or its worker."""
    if service not in SERVICES or part not in ("api", "worker"):
        raise typer.BadParameter(f"use one of {', '.join(SERVICES)}, and api or worker")
    _exec(f"services.{service}", part)


def _exec(module: str, *arguments: str) -> None:
    """Replace this process with a Python module."""
    os.environ["KINVITE_DATA"] = str(data_directory())
    os.chdir(ROOT)
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])  # noqa: S606

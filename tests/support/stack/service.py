"""`python -m tests.support.stack.service <name> <role>`: a service as in production; role `both`: api and worker."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path

from fastapi import FastAPI

from shared.runtime.core import ServiceSettings
from shared.runtime.service import run_command
from tests.support.stack import points

_SERVICES = Path(__file__).parents[3] / "services"


def run(name: str, role: str) -> None:
    """Serve until SIGTERM."""
    create_app = import_module(f"services.{name}.app").create_app
    settings = import_module(f"services.{name}.settings").Settings
    if role == "both":
        role, create_app = "worker", partial(_both, create_app)
    sys.argv[1:] = [role]
    run_command(name, create_app, settings, _SERVICES / name / "migrations" / "versions")


def _both(create_app: Callable[..., FastAPI], settings: ServiceSettings, **_: bool) -> FastAPI:
    return create_app(settings, api=True, worker=True)


if __name__ == "__main__":
    points.install(sys.argv[1])
    run(sys.argv[1], sys.argv[2])

"""Assembly of a service: the ASGI app of its API and worker, and its command line."""

from __future__ import annotations

from shared.runtime.service.app_factory import create_service_app
from shared.runtime.service.cli import run_command

__all__ = [
    "create_service_app",
    "run_command",
]

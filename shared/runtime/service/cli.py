"""Command line of every service: `migrate`, `api`, `worker`, nothing else."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from fastapi import FastAPI

from shared.runtime.core.settings import ConfigurationError, ServiceSettings, load_settings
from shared.runtime.migrations.runner import MigrationError, run_migrations
from shared.runtime.observability.logging import configure_logging
from shared.runtime.web.server import Server, server_config

S = TypeVar("S", bound=ServiceSettings)
EXIT_NOT_STARTED = 3
EXIT_USAGE = 64
EXIT_CONFIGURATION = 78
GRACE_SECONDS = 15


def run_command(
    name: str, create_app: Callable[..., FastAPI], settings_class: type[S], versions: Path
) -> None:
    """Run the command given on the command line: `migrate`, `api` or `worker`.

    `api` and `worker` both answer health probes. Exits with 78 on wrong settings.
    """
    commands = sys.argv[1:]
    if len(commands) != 1 or commands[0] not in ("migrate", "api", "worker"):
        sys.exit(_print_error(f"usage: python -m services.{name} migrate|api|worker", EXIT_USAGE))
    try:
        settings = load_settings(settings_class)
    except ConfigurationError as error:
        sys.exit(
            _print_error(f"{name} cannot start, wrong or missing settings:\n{error}", EXIT_CONFIGURATION)
        )
    configure_logging(name, settings.log_level)
    if commands[0] == "migrate":
        if settings.database_owner_url is None:
            sys.exit(
                _print_error(
                    f"{name} cannot migrate: KINVITE_DATABASE_OWNER_URL is missing. It is the address in "
                    "KINVITE_DATABASE_URL with the user who owns the tables (docs/operations.md, 'Database users')",
                    EXIT_CONFIGURATION,
                )
            )
        owner_url = settings.database_owner_url
        try:
            run_migrations(owner_url, name, versions, application_url=settings.database_url)
        except MigrationError as error:
            sys.exit(_print_error(str(error), 1))
        return
    _serve(create_app(settings, api=commands[0] == "api", worker=commands[0] == "worker"), settings)


def _serve(app: FastAPI, settings: ServiceSettings) -> None:
    config = server_config(
        app,
        host=settings.http_host,
        port=settings.http_port,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies or None,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = Server(config)
    with contextlib.suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        sys.exit(EXIT_NOT_STARTED)


def _print_error(text: str, code: int) -> int:
    """Print the text to standard error and return the exit code."""
    sys.stderr.write(text + "\n")
    return code

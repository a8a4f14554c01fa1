"""The one Python process with all five services and the mailbox. The supervisor starts it; see `supervisor.py`."""

import os
import socket
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import uvloop
from fastapi import FastAPI

from deploy.embedded.access import prepare_access
from deploy.embedded.dispatcher import Dispatcher
from deploy.embedded.hosts import own_hosts
from deploy.embedded.mailbox import Mailbox
from deploy.embedded.mailbox.reports import Site
from deploy.embedded.replay import replay
from shared.runtime.core import ConfigurationError, ServiceSettings, load_settings
from shared.runtime.messaging import Kafka
from shared.runtime.migrations import MigrationError, migrate
from shared.runtime.observability import configure_logging, get_logger
from shared.runtime.web.server import Server, server_config

SERVICES = ("roster", "invitations", "notifier", "signup", "dashboard")
EXIT_CONFIGURATION = 78
EXIT_NOT_STARTED = 3
GRACE_SECONDS = 1
log = get_logger("embedded")


async def serve(listener: socket.socket, data: Path) -> None:
    """Prepare the database and the broker, then serve until SIGTERM.

    Raises MigrationError for data of a newer version and ConfigurationError for wrong settings.
    """
    public_url = os.environ.get("KINVITE_PUBLIC_URL", "")
    site = Site(public_url, os.environ.get("DASHBOARD_SERVICES_URL", public_url))
    async with Mailbox(data, site=site) as mailbox:
        os.environ.update(mailbox.settings)
        modules = {name: import_module(f"services.{name}.app") for name in SERVICES}
        settings = settings_of_all()
        await _prepare(settings["roster"])
        apps: dict[str, FastAPI] = {name: modules[name].create_app(settings[name]) for name in SERVICES}
        hosts = own_hosts(settings["roster"].public_url, os.environ.get("KINVITE_BIND", ""))
        config = server_config(
            Dispatcher({**apps, "mailbox": mailbox.app}, hosts),
            lifespan="on",
            proxy_headers=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        server = Server(config)
        await server.serve([listener])
        if not server.started:
            sys.exit(EXIT_NOT_STARTED)


def settings_of_all() -> dict[str, ServiceSettings]:
    """Of all services. Raises ConfigurationError with every problem of each of them."""
    read: dict[str, ServiceSettings] = {}
    problems: dict[str, None] = {}
    for name in SERVICES:
        try:
            read[name] = load_settings(import_module(f"services.{name}.settings").Settings)
        except ConfigurationError as error:
            problems.update(dict.fromkeys(str(error).splitlines()))
    if problems:
        raise ConfigurationError("; ".join(sorted(problems)))
    return read


async def _prepare(settings: Any) -> None:
    await Kafka.from_settings(settings).create_topics()
    for name in SERVICES:
        versions = Path(__file__).parents[2] / "services" / name / "migrations" / "versions"
        owner_url = settings.database_owner_url
        await migrate(owner_url, name, versions, application_url=settings.database_url)
    empty = bool(os.environ.get("KINVITE_EMBEDDED_REPLAY"))
    if empty:
        log.info("broker.refilled", messages=await replay(os.environ["KINVITE_EMBEDDED_ADMINISTRATOR_URL"]))

    token = os.environ.get("KINVITE_EMBEDDED_API_TOKEN", "")
    await prepare_access(settings, token, broker_is_empty=empty)


def main() -> None:
    """Arguments: the listening socket's descriptor and the data directory."""
    listener = socket.socket(fileno=int(sys.argv[1]))
    configure_logging("kinvite", os.environ.get("KINVITE_LOG_LEVEL", "info"))
    try:
        uvloop.run(serve(listener, Path(sys.argv[2])))
    except (ConfigurationError, MigrationError) as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        sys.exit(EXIT_CONFIGURATION)


if __name__ == "__main__":
    main()

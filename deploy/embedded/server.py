"""The server process: all five services and the mailbox in one Python process, started by the supervisor."""

from __future__ import annotations

import os
import socket
import sys
from importlib import import_module
from pathlib import Path

import uvloop
from fastapi import FastAPI

from deploy.embedded.access import prepare_access
from deploy.embedded.allowed_hosts import allowed_hosts
from deploy.embedded.data import DataDirectory
from deploy.embedded.dispatcher import Dispatcher
from deploy.embedded.kafka_consumer import BackoffConsumer
from deploy.embedded.mailbox import Mailbox
from deploy.embedded.mailbox.reports import Site
from deploy.embedded.replay import replay
from deploy.embedded.server_process import EXIT_CONFIGURATION, SERVICES
from shared.runtime.core import ConfigurationError, ServiceSettings, load_settings
from shared.runtime.messaging import Kafka
from shared.runtime.messaging.inbox.kafka_consumers import use_consumer_class
from shared.runtime.migrations import MigrationError, migrate
from shared.runtime.observability import configure_logging, get_logger
from shared.runtime.web.server import Server, server_config

EXIT_NOT_STARTED = 3
GRACE_SECONDS = 1
log = get_logger("embedded")


async def serve(listener: socket.socket, data: Path) -> None:
    """Prepare the database and the broker, then serve until SIGTERM.

    Raises MigrationError for data of a newer or a too old version, and ConfigurationError for wrong settings.
    """
    public_url = os.environ.get("KINVITE_PUBLIC_URL", "")
    site = Site(public_url, os.environ.get("DASHBOARD_SERVICES_URL", public_url))
    use_consumer_class("embedded", BackoffConsumer)
    async with Mailbox(data, site=site) as mailbox:
        os.environ.update(mailbox.settings)
        modules = {name: import_module(f"services.{name}.app") for name in SERVICES}
        settings = load_all_settings()
        await _prepare(settings["roster"])
        apps: dict[str, FastAPI] = {name: modules[name].create_app(settings[name]) for name in SERVICES}
        hosts = allowed_hosts(settings["roster"].public_url, os.environ.get("KINVITE_BIND", ""))
        dispatcher = Dispatcher(
            {**apps, "mailbox": mailbox.app}, hosts, credentials=DataDirectory(data).credentials
        )
        config = server_config(
            dispatcher,
            lifespan="on",
            proxy_headers=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        server = Server(config)
        await server.serve([listener])
        if not server.started:
            sys.exit(EXIT_NOT_STARTED)


def load_all_settings() -> dict[str, ServiceSettings]:
    """Return the settings of all services by name. Raises ConfigurationError with the problems of all of them."""
    settings: dict[str, ServiceSettings] = {}
    problems: dict[str, None] = {}
    for name in SERVICES:
        try:
            settings[name] = load_settings(import_module(f"services.{name}.settings").Settings)
        except ConfigurationError as error:
            problems.update(dict.fromkeys(str(error).splitlines()))
    if problems:
        raise ConfigurationError("; ".join(sorted(problems)))
    return settings


async def _prepare(settings: ServiceSettings) -> None:
    """Create topics, migrate the schemas of all services, and refill a broker that is empty."""
    assert settings.database_owner_url is not None
    await Kafka.from_settings(settings).create_topics()
    for name in SERVICES:
        versions = Path(__file__).parents[2] / "services" / name / "migrations" / "versions"
        await migrate(settings.database_owner_url, name, versions, application_url=settings.database_url)
    broker_is_empty = bool(os.environ.get("KINVITE_EMBEDDED_REPLAY"))
    if broker_is_empty:
        count = await replay(os.environ["KINVITE_EMBEDDED_ADMINISTRATOR_URL"])
        log.info("broker.refilled", messages=count)
    token = os.environ.get("KINVITE_EMBEDDED_API_TOKEN", "")
    await prepare_access(settings, token, broker_is_empty=broker_is_empty)


def main() -> None:
    """Serve. Arguments: the descriptor of the listening socket and the data directory."""
    listener = socket.socket(fileno=int(sys.argv[1]))
    configure_logging("kinvite", os.environ.get("KINVITE_LOG_LEVEL", "info"))
    try:
        uvloop.run(serve(listener, Path(sys.argv[2])))
    except (ConfigurationError, MigrationError) as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        sys.exit(EXIT_CONFIGURATION)


if __name__ == "__main__":
    main()

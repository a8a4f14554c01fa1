"""Fixtures of the notifier: its own database, the driver, and the mailbox."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from deploy.embedded.mailbox import Mailbox
from shared.runtime.database import Database
from shared.runtime.migrations import migrate
from tests.integration.notifier.driver import NotifierDriver
from tests.support.postgres import Cluster

_VERSIONS = Path(__file__).parents[3] / "services" / "notifier" / "migrations" / "versions"


@pytest.fixture(scope="session")
def notifier_template(cluster: Cluster) -> str:
    """Create a database with the notifier's schema alone; return its name."""
    name = cluster.create()
    asyncio.run(migrate(cluster.owner_url(name), "notifier", _VERSIONS, application_url=cluster.url(name)))
    return name


@pytest.fixture
def notifier_url(cluster: Cluster, notifier_template: str) -> Iterator[str]:
    """Create a fresh database with the notifier's schema; yield its URL."""
    name = cluster.create(template=notifier_template)
    yield cluster.url(name)
    cluster.drop(name)


@pytest.fixture
async def database(notifier_url: str) -> AsyncIterator[Database]:
    async with Database(notifier_url, schema="notifier") as opened:
        yield opened


@pytest.fixture
def driver(database: Database) -> NotifierDriver:
    return NotifierDriver(database)


@pytest.fixture
async def mailbox(tmp_path: Path) -> AsyncIterator[Mailbox]:
    """Run a server with Twilio's API."""
    async with Mailbox(tmp_path) as running:
        yield running

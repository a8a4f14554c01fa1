"""The fixture of all probes: the services, on a database of their own."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from tests.security.installation import Installation, running_installation
from tests.support.postgres import Cluster


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running_services(cluster: Cluster, migrated_template: str) -> AsyncIterator[Installation]:
    """Run the five services for the tests of a module, which take turns."""
    name = cluster.create(template=migrated_template)
    async with running_installation(cluster.url(name)) as running:
        yield running
    cluster.drop(name)


@pytest.fixture
def installation(running_services: Installation) -> Installation:
    """Give the services with clients that hold no credentials."""
    for client in running_services.clients.values():
        client.cookies.clear()
        client.headers = httpx.Headers()
    return running_services

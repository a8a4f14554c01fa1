"""Fixtures: the project is built and started once for all tests, and removed with its data at the end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.integration.compose.driver import ComposeDriver, open_driver
from tests.integration.compose.project import ComposeProject, NoEngine


@pytest.fixture(scope="package")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposeProject]:
    """Start a project, wait until every container is ready, and remove it at the end."""
    compose_project = ComposeProject(tmp_path_factory.mktemp("compose"))
    try:
        compose_project.prepare()
    except NoEngine as reason:
        pytest.skip(f"Compose cannot run here: {reason}")
    try:
        compose_project.up()
        yield compose_project
    finally:
        compose_project.down(volumes=True)


@pytest.fixture
async def driver(project: ComposeProject) -> AsyncIterator[ComposeDriver]:
    """Return a driver that sends its requests to the gateway of the project."""
    async with open_driver(project) as opened:
        yield opened

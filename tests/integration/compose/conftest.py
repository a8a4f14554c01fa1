"""The project is built and started once for all tests here, and removed with its data at the end."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.integration.compose.office import ComposeOffice, at
from tests.integration.compose.stack import NoEngine, Stack


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Running and ready."""
    made = Stack(tmp_path_factory.mktemp("compose"))
    try:
        made.prepare()
    except NoEngine as reason:
        pytest.skip(f"Compose cannot run here: {reason}")
    try:
        made.up()
        yield made
    finally:
        made.down(volumes=True)


@pytest.fixture
async def office(stack: Stack) -> AsyncIterator[ComposeOffice]:
    """At the gateway."""
    async with at(stack) as here:
        yield here

"""A scene per test."""

from collections.abc import AsyncIterator

import pytest

from tests.integration.signup.scene import Scene, scene, settings_for


@pytest.fixture
async def school(database_url: str) -> AsyncIterator[Scene]:
    """One registered school with the parents' pages; nothing waits longer than it must."""
    async with scene(settings_for(database_url)) as opened:
        yield opened

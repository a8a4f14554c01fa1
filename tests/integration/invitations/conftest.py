"""A scene per test."""

from collections.abc import AsyncIterator

import pytest

from tests.integration.invitations.scene import Scene, scene, settings_for


@pytest.fixture
async def school(database_url: str) -> AsyncIterator[Scene]:
    """One registered school; nothing waits longer than it must."""
    async with scene(settings_for(database_url)) as opened:
        await opened.open_school()
        yield opened

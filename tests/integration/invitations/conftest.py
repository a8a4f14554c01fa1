"""A driver per test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.integration.invitations.builders import settings_for
from tests.integration.invitations.driver import InvitationsDriver, open_driver


@pytest.fixture
async def driver(database_url: str) -> AsyncIterator[InvitationsDriver]:
    """Return a driver with one registered school, whose waits are short."""
    async with open_driver(settings_for(database_url)) as opened:
        await opened.register_school()
        yield opened

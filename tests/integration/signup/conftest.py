"""A driver per test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.integration.signup.driver import SignupDriver, open_driver, settings_for


@pytest.fixture
async def signup(database_url: str) -> AsyncIterator[SignupDriver]:
    """Open the pages of signup with one registered school and without waits."""
    async with open_driver(settings_for(database_url)) as driver:
        yield driver

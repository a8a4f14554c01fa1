"""Fixtures: a roster on a real database. Its events are read from the outbox, so no broker is needed."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from services.roster.app import create_app
from services.roster.settings import Settings
from shared.runtime.database import Database
from tests.integration.roster.driver import RosterDriver
from tests.support.apps import COMMON_ENVIRONMENT, bearer, running
from tests.support.processes import free_port


@pytest.fixture
def settings(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return the roster's settings, with a broker that never answers."""
    variables = {
        **COMMON_ENVIRONMENT,
        "KINVITE_DATABASE_URL": database_url,
        "KINVITE_KAFKA_BOOTSTRAP": f"127.0.0.1:{free_port()}",
        "ROSTER_IMPORT_POLL_SECONDS": "0.05",
        "ROSTER_IMPORT_MAX_BYTES": str(8 * 1024 * 1024),
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return Settings()


@pytest.fixture
async def driver(settings: Settings) -> AsyncIterator[RosterDriver]:
    """Yield the driver of an empty school."""
    async with (
        running(create_app(settings), headers=bearer()) as client,
        Database(settings.database_url, schema="roster") as database,
    ):
        yield await RosterDriver.with_new_school(client, database)

"""Fixtures of the tests of the `kinvite` command."""

from __future__ import annotations

import pytest

from tests.support.apps import COMMON_ENVIRONMENT


@pytest.fixture
def installation(database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Set the environment of an operator for a migrated database and return its URL."""
    settings = {
        **COMMON_ENVIRONMENT,
        "KINVITE_DATABASE_URL": database_url,
        "KINVITE_KAFKA_BOOTSTRAP": "127.0.0.1:9",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return database_url

"""Storage in memory for the tests of use cases."""

from __future__ import annotations

import pytest

from services.signup.domain.links import Link, Purpose
from tests.unit.signup.builders import store_link
from tests.unit.signup.memory_storage import MemoryStorage, MemoryTransaction


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch) -> MemoryStorage:
    """Install an empty storage in memory."""
    memory = MemoryStorage()
    memory.install(monkeypatch)
    return memory


@pytest.fixture
def tx() -> MemoryTransaction:
    """Begin a transaction at `NOW`."""
    return MemoryTransaction()


@pytest.fixture
def verify_link(storage: MemoryStorage) -> Link:
    """Store a live verification link."""
    return store_link(storage, Purpose.VERIFY)


@pytest.fixture
def join_link(storage: MemoryStorage) -> Link:
    """Store a live invitation link."""
    return store_link(storage, Purpose.JOIN)

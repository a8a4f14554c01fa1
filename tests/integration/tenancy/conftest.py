"""Fixture with two schools for all tests of a module, because it takes a while to fill."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.acceptance.kinvite_up import KinviteUp
from tests.integration.tenancy.town import Town, build_town


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Yield two schools on a running installation; tests call it with clients of their own."""
    up = KinviteUp(tmp_path_factory.mktemp("town") / "data")

    async def build() -> Town:
        await up.start()
        built = await build_town(up)
        await up.client.aclose()
        return built

    try:
        yield asyncio.run(build())
    finally:
        asyncio.run(up.stop())

"""Fixture with two schools for all tests of a module, because it takes a while to fill."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.acceptance.kinvite_up import KinviteUp
from tests.integration.tenancy.two_schools import TwoSchools, build_two_schools


@pytest.fixture(scope="module")
def two_schools(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoSchools]:
    """Yield two schools on a running installation; tests call it with clients of their own."""
    up = KinviteUp(tmp_path_factory.mktemp("town") / "data")

    async def build() -> TwoSchools:
        await up.start()
        built = await build_two_schools(up)
        await up.client.aclose()
        return built

    try:
        yield asyncio.run(build())
    finally:
        asyncio.run(up.stop())

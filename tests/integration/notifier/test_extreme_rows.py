"""Stored rows with extreme values that can be read: they end or wait, and every other message is sent."""

from __future__ import annotations

import pytest

from services.notifier.channels.memory import MemoryChannel
from tests.integration.notifier.builders import command
from tests.integration.notifier.driver import NotifierDriver, sending
from tests.support.waiting import eventually

EXTREMES = {
    "expires_at": ["0001-01-01 00:00+00", "9999-12-31 23:59:59+00"],
    "queued_at": ["-infinity"],
    "began_at": ["infinity"],
    "timezone": ["../../etc/passwd", "x"],
    "language": ["\u2028", "x" * 10_000],
    "generation": ["2147483647"],
    "name": ["x" * 100_000],
    "address": ["", "x" * 100_000, "a@b@c"],
    "traceparent": ["x"],
}
CASES = [(column, value) for column, values in EXTREMES.items() for value in values]


@pytest.mark.parametrize(("column", "value"), CASES, ids=lambda part: str(part)[:24])
async def test_a_stored_row_with_an_extreme_value_stops_no_other(
    driver: NotifierDriver, column: str, value: str
) -> None:
    extreme, other = command(address="odd@example.org"), command()
    await driver.put(extreme, other)
    await driver.run(
        f"UPDATE messages SET {column} = $v${value}$v$ WHERE message_id = '{extreme.message_id}'"
    )
    channel = MemoryChannel()
    async with sending(driver.sender(channel)):
        await eventually(lambda: other.message_id in {sent.message_id for sent in channel.accepted})

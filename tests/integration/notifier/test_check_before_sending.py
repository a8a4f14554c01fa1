"""Checks before a text is sent, in their order: an accepted copy, the rate limit, and opt-outs last."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest

from services.notifier.channels.memory import MemoryChannel
from services.notifier.domain.reports import ProviderStatus
from services.notifier.use_cases.delivery_reports import save_report
from services.notifier.use_cases.opt_outs import opt_out
from shared.runtime.core import new_id
from tests.integration.notifier.builders import SCHOOL, command
from tests.integration.notifier.driver import NotifierDriver, sending
from tests.support.waiting import eventually

NUMBER = "+4915112345678"


async def _stop(driver: NotifierDriver) -> None:
    async with driver.database.transaction() as tx:
        await opt_out(tx, f"SM{new_id().hex}", "sms", NUMBER)


@pytest.mark.parametrize("end", ["stopped", "expired", "interrupted"])
async def test_i35_a_copy_that_arrived_is_announced_as_sent_whatever_came_between(
    driver: NotifierDriver, end: str
) -> None:
    data = command(channel="sms", address=NUMBER)
    await driver.put(data, channels=["sms"])
    async with driver.database.transaction() as tx:
        await save_report(tx, "SM1", data.message_id, ProviderStatus.DELIVERED, None)
    if end == "stopped":
        await _stop(driver)
    elif end == "expired":
        await driver.run("UPDATE messages SET expires_at = now()")
    else:
        await driver.run("UPDATE messages SET attempts = 20, interrupted = true")
    channel = MemoryChannel()
    async with sending(driver.sender(channel, channel_name="sms")):

        async def ended() -> bool:
            return (await driver.message(data)).finished_at is not None

        await eventually(ended)
    assert channel.tried == []
    assert await driver.states() == ["sent"]
    await driver.reports().round()
    assert await driver.states() == ["delivered"]


async def test_i36_a_stop_counts_while_a_text_waits_to_be_counted(driver: NotifierDriver) -> None:
    """Texts of one school are counted one after the other."""
    await driver.put(command(channel="sms", address=NUMBER), channels=["sms"])
    for hour in ("now()", "now() + interval '1 hour'"):
        await driver.run(f"INSERT INTO spending VALUES ('{SCHOOL}', date_trunc('hour', {hour}), 1)")
    channel = MemoryChannel()
    async with AsyncExitStack() as stack:
        counting = await stack.enter_async_context(driver.database.transaction())
        await counting.execute("UPDATE spending SET texts = texts + 1")
        async with sending(driver.sender(channel, channel_name="sms", texts_per_hour=50)):
            await eventually(lambda: _something_waits(driver))
            await _stop(driver)
            await stack.aclose()

            async def failed() -> bool:
                return await driver.states() == ["failed_permanent"]

            await eventually(failed)
    assert channel.tried == []


async def _something_waits(driver: NotifierDriver) -> bool:
    statement = (
        "SELECT count(*) FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid) "
        "WHERE NOT l.granted AND a.datname = current_database()"
    )
    async with driver.database.transaction() as tx:
        return int(await tx.scalar(statement)) > 0

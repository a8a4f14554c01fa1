"""What is looked at before a text goes out, and in which order: a copy that arrived, the count, and STOP at last."""

from contextlib import AsyncExitStack

import pytest

from services.notifier.channels.memory import MemoryChannel
from services.notifier.domain.reports import Word
from services.notifier.domain.retry import RetryPolicy
from services.notifier.service.reporting import keep_report
from services.notifier.service.suppressing import stop
from services.notifier.timers.reports import Reports
from tests.integration.notifier.desk import SCHOOL, Desk, command, sending
from tests.support.waiting import eventually

NUMBER = "+4915112345678"


async def _stop(desk: Desk) -> None:
    async with desk.database.transaction() as tx:
        await stop(tx, "sms", NUMBER)


@pytest.mark.parametrize("end", ["stopped", "expired", "interrupted"])
async def test_i35_a_copy_that_arrived_is_told_as_sent_whatever_came_between(desk: Desk, end: str) -> None:
    data = command(channel="sms", address=NUMBER)
    await desk.put(data, channels=["sms"])
    async with desk.database.transaction() as tx:
        await keep_report(tx, "SM1", data.message_id, Word.DELIVERED, None)
    if end == "stopped":
        await _stop(desk)
    elif end == "expired":
        await desk.run("UPDATE messages SET expires_at = now()")
    else:
        await desk.run("UPDATE messages SET attempts = 20, interrupted = true")
    channel = MemoryChannel()
    async with sending(desk.sender(channel, channel_name="sms")):

        async def ended() -> bool:
            return (await desk.message(data)).finished_at is not None

        await eventually(ended)
    assert channel.tried == []
    assert await desk.states() == ["sent"]
    await Reports(desk.database, RetryPolicy(), poll_seconds=1).round()
    assert await desk.states() == ["delivered"]


async def test_i36_a_stop_is_heard_while_a_text_waits_to_be_counted(desk: Desk) -> None:
    """Texts of one school are counted one after the other."""
    await desk.put(command(channel="sms", address=NUMBER), channels=["sms"])
    for hour in ("now()", "now() + interval '1 hour'"):
        await desk.run(f"INSERT INTO spending VALUES ('{SCHOOL}', date_trunc('hour', {hour}), 1)")
    channel = MemoryChannel()
    async with AsyncExitStack() as stack:
        counting = await stack.enter_async_context(desk.database.transaction())
        await counting.execute("UPDATE spending SET texts = texts + 1")
        async with sending(desk.sender(channel, channel_name="sms", texts_per_hour=50)):
            await eventually(lambda: _something_waits(desk))
            await _stop(desk)
            await stack.aclose()

            async def failed() -> bool:
                return await desk.states() == ["failed_permanent"]

            await eventually(failed)
    assert channel.tried == []


async def _something_waits(desk: Desk) -> bool:
    statement = (
        "SELECT count(*) FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid) "
        "WHERE NOT l.granted AND a.datname = current_database()"
    )
    async with desk.database.transaction() as tx:
        return int(await tx.scalar(statement)) > 0

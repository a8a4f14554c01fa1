"""Texts that were delayed into quiet hours wait for their end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deploy.embedded.mailbox import Mailbox
from services.notifier.channels.memory import MemoryChannel
from services.notifier.channels.twilio.client import sms_channel
from shared.contracts.notifier import SendMessage
from tests.integration.notifier.builders import command, twilio_settings
from tests.integration.notifier.driver import NotifierDriver, sending
from tests.support.waiting import eventually

NUMBER = "+4915112345678"


def _text(**changes: Any) -> SendMessage:
    """Return a command for a text in the middle of its quiet hours, whatever the time is."""
    now = datetime.now(UTC)
    hours = {
        "quiet_from": (now - timedelta(hours=2)).time(),
        "quiet_until": (now + timedelta(hours=2)).time(),
    }
    return command(channel="sms", address=NUMBER, timezone="UTC", **{**hours, **changes})


async def test_a_text_in_quiet_hours_waits_for_their_end_and_is_not_counted(driver: NotifierDriver) -> None:
    quiet, unrestricted = _text(), _text(quiet_from=None, quiet_until=None)
    await driver.put(quiet, unrestricted, channels=["sms"])
    channel = MemoryChannel()
    async with sending(driver.sender(channel, channel_name="sms", texts_per_hour=5)):

        async def reached() -> None:
            assert (await driver.message(quiet)).code == "quiet_hours"
            assert (await driver.message(unrestricted)).state == "sent"

        await eventually(reached)
        assert [message.message_id for message in channel.tried] == [unrestricted.message_id]
        row = await driver.message(quiet)
        waits = row.due_at - datetime.now(UTC)
        assert timedelta(hours=1, minutes=59) < waits <= timedelta(hours=2)
        assert (row.state, row.attempts) == ("queued", 0)
        async with driver.database.transaction() as tx:
            assert await tx.scalar("SELECT sum(texts) FROM spending") == 1
        await driver.run(
            "UPDATE messages SET quiet_until = quiet_from, due_at = now() WHERE state = 'queued'"
        )

        async def sent() -> bool:
            return await driver.states() == ["sent", "sent"]

        await eventually(sent)


async def test_the_provider_receives_how_long_a_text_may_wait(
    driver: NotifierDriver, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = datetime.now(UTC) + timedelta(minutes=30)
    await driver.put(_text(quiet_from=begin.time()), channels=["sms"])
    validity_periods: list[str] = []
    channel = sms_channel(twilio_settings(mailbox))
    async with sending(driver.sender(channel, channel_name="sms")):
        request = channel.transport.request

        async def record_request(*arguments: Any, **named: Any) -> Any:
            validity_periods.append(named["data"]["ValidityPeriod"])
            return await request(*arguments, **named)

        monkeypatch.setattr(channel.transport, "request", record_request)

        async def sent() -> bool:
            return await driver.states() == ["sent"]

        await eventually(sent)
    assert [1_700 < int(seconds) <= 1_800 for seconds in validity_periods] == [True]

"""Texts that something kept until the night wait for the morning."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deploy.embedded.mailbox import Mailbox
from services.notifier.channels.memory import MemoryChannel
from services.notifier.channels.twilio import sms_channel
from shared.contracts.notifier import SendMessage
from tests.integration.notifier.desk import Desk, command, sending
from tests.integration.notifier.phone import settings_of
from tests.support.waiting import eventually

NUMBER = "+4915112345678"


def _text(**changes: Any) -> SendMessage:
    """A text in the middle of its quiet hours, whatever the time is."""
    now = datetime.now(UTC)
    hours = {
        "quiet_from": (now - timedelta(hours=2)).time(),
        "quiet_until": (now + timedelta(hours=2)).time(),
    }
    return command(channel="sms", address=NUMBER, timezone="UTC", **{**hours, **changes})


async def test_a_text_in_quiet_hours_waits_for_the_morning_and_is_not_counted(desk: Desk) -> None:
    quiet, asked_for = _text(), _text(quiet_from=None, quiet_until=None)
    await desk.put(quiet, asked_for, channels=["sms"])
    channel = MemoryChannel()
    async with sending(desk.sender(channel, channel_name="sms", texts_per_hour=5)):

        async def settled() -> None:
            assert (await desk.message(quiet)).code == "quiet_hours"
            assert (await desk.message(asked_for)).state == "sent"

        await eventually(settled)
        assert [letter.message_id for letter in channel.tried] == [asked_for.message_id]
        row = await desk.message(quiet)
        waits = row.due_at - datetime.now(UTC)
        assert timedelta(hours=1, minutes=59) < waits <= timedelta(hours=2)
        assert (row.state, row.attempts) == ("queued", 0)
        async with desk.database.transaction() as tx:
            assert await tx.scalar("SELECT sum(texts) FROM spending") == 1
        await desk.run("UPDATE messages SET quiet_until = quiet_from, due_at = now() WHERE state = 'queued'")

        async def sent() -> bool:
            return await desk.states() == ["sent", "sent"]

        await eventually(sent)


async def test_the_provider_is_told_how_long_a_text_may_wait(
    desk: Desk, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    evening = datetime.now(UTC) + timedelta(minutes=30)
    await desk.put(_text(quiet_from=evening.time()), channels=["sms"])
    told: list[str] = []
    channel = sms_channel(settings_of(mailbox))
    async with sending(desk.sender(channel, channel_name="sms")):
        request = channel._transport.request

        async def listen(*place: Any, **named: Any) -> Any:
            told.append(named["data"]["ValidityPeriod"])
            return await request(*place, **named)

        monkeypatch.setattr(channel._transport, "request", listen)

        async def sent() -> bool:
            return await desk.states() == ["sent"]

        await eventually(sent)
    assert [1_700 < int(seconds) <= 1_800 for seconds in told] == [True]

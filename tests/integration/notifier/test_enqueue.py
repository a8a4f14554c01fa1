"""Commands become queued messages, once each."""

from __future__ import annotations

from datetime import datetime

import pytest
from pydantic import ValidationError

from shared.runtime.messaging import Lane
from tests.integration.notifier.builders import SCHOOL, TRACE, command
from tests.integration.notifier.driver import NotifierDriver


async def test_a_command_is_queued_with_all_its_data(driver: NotifierDriver) -> None:
    data = command(name="Jörg Müller", language="de")
    await driver.put(data, lane=Lane.BULK)
    row = await driver.message(data)
    assert (row.school_id, row.lane, row.state, row.name) == (SCHOOL, "bulk", "queued", "Jörg Müller")
    assert (row.parent_id, row.invitation_id, row.generation) == (data.parent_id, data.invitation_id, 1)
    assert (row.expires_at, row.traceparent) == (data.expires_at, TRACE)
    assert await driver.events() == []


async def test_a_command_that_comes_twice_is_queued_once(driver: NotifierDriver) -> None:
    data = command()
    await driver.put(data, data)
    await driver.put(data)
    assert len(await driver.messages()) == 1


@pytest.mark.parametrize(("channel", "name"), [("sms", "SMS"), ("whatsapp", "WhatsApp"), ("email", "E-mail")])
async def test_a_channel_that_is_not_set_up_fails_at_once_with_that_reason(
    driver: NotifierDriver, channel: str, name: str
) -> None:
    data = command(channel=channel)
    await driver.put(data, data, channels=())
    await driver.put(data, channels=())
    [(kind, event)] = await driver.events()
    assert (kind, event["permanent"], event["code"]) == ("failed", True, "not_configured")
    assert event["reason"] == f"{name} is not set up in this installation."
    assert await driver.states() == ["failed_permanent"]


async def test_a_command_without_a_time_zone_is_rejected(driver: NotifierDriver) -> None:
    with pytest.raises(ValidationError, match="timezone"):
        await driver.put(command(expires_at=datetime(2030, 1, 1)))  # noqa: DTZ001 (what is refused)
    assert await driver.messages() == {}

"""Status checks of a message without a delivery report: ever less often, until its outcome is unknown."""

from __future__ import annotations

from typing import Any

import pytest

from deploy.embedded.mailbox import Mailbox
from deploy.embedded.mailbox.state import RecipientBehaviour
from services.notifier.channels.base import Refused, TryLater
from services.notifier.channels.twilio.client import TwilioChannel, sms_channel
from services.notifier.domain.messages import STATUS_CHECK_AFTER_SECONDS
from services.notifier.domain.reports import ProviderStatus
from services.notifier.schedule import StatusPoller
from services.notifier.use_cases.delivery_reports import save_report
from services.notifier.use_cases.status_polling import claim_status_checks
from shared.contracts.notifier import SendMessage
from tests.integration.notifier.builders import command, twilio_settings
from tests.integration.notifier.driver import NotifierDriver, sending
from tests.support.waiting import eventually

NUMBER = "+4915112345678"


async def _sent(driver: NotifierDriver, mailbox: Mailbox) -> SendMessage:
    """Send a message; the provider takes it over, and no report arrives."""
    data = command(channel="sms", address=NUMBER)
    await driver.put(data, channels=["sms"])
    async with sending(driver.sender(sms_channel(twilio_settings(mailbox)), channel_name="sms")):

        async def is_sent() -> bool:
            return await driver.states() == ["sent"]

        await eventually(is_sent)
    return data


async def _check_status(driver: NotifierDriver, channel: TwilioChannel) -> None:
    """Make the next status check due, make it, and apply the answer."""
    await driver.run("UPDATE messages SET ask_at = now() WHERE ask_at IS NOT NULL")
    reports = driver.reports()
    async with StatusPoller(driver.database, "sms", channel, reports.periodic_task.wake) as poller:
        await poller.round()
    while await reports.round():
        pass


async def _seconds_to_check(driver: NotifierDriver, data: SendMessage) -> float | None:
    """Return the seconds from the hand-over to the next status check."""
    row = await driver.message(data)
    return None if row.ask_at is None else (row.ask_at - row.finished_at).total_seconds()


@pytest.mark.parametrize(("behaviour", "state"), [("silent", "delivered"), ("bounce", "failed_permanent")])
async def test_i31_a_missing_report_is_fetched(
    driver: NotifierDriver, mailbox: Mailbox, behaviour: Any, state: str
) -> None:
    mailbox.state.set_behaviour(RecipientBehaviour(NUMBER, behaviour))
    data = await _sent(driver, mailbox)
    assert await _seconds_to_check(driver, data) == STATUS_CHECK_AFTER_SECONDS[0]
    await _check_status(driver, sms_channel(twilio_settings(mailbox)))
    row = await driver.message(data)
    assert (row.state, row.ask_at) == (state, None)
    assert [kind for kind, _ in await driver.events()][1:] == [
        "delivered" if state == "delivered" else "failed"
    ]
    await _check_status(driver, sms_channel(twilio_settings(mailbox)))
    assert len(await driver.events()) == 2


async def test_i31_silence_to_the_last_check_is_an_unknown_outcome(
    driver: NotifierDriver, mailbox: Mailbox
) -> None:
    data = await _sent(driver, mailbox)
    [copy] = mailbox.state.list_texts(NUMBER, 5)

    async def arrived() -> None:
        now = mailbox.state.find_text(copy.sid)
        assert now is not None
        assert now.status == "delivered"

    await eventually(arrived)
    waits: list[float | None] = []
    for _ in STATUS_CHECK_AFTER_SECONDS:
        mailbox.state.update_status(copy.sid, "sent")
        waits.append(await _seconds_to_check(driver, data))
        await _check_status(driver, sms_channel(twilio_settings(mailbox)))
    assert waits == list(STATUS_CHECK_AFTER_SECONDS)
    row = await driver.message(data)
    assert (row.state, row.code, row.ask_at) == ("unknown", "no_report", None)
    assert [kind for kind, _ in await driver.events()] == ["sent", "outcome_unknown"]


async def test_i35_what_is_reported_after_the_last_check_still_counts(
    driver: NotifierDriver, mailbox: Mailbox
) -> None:
    data = await _sent(driver, mailbox)
    await driver.run(f"UPDATE messages SET asked = {len(STATUS_CHECK_AFTER_SECONDS) - 1}")
    await _check_status(driver, Ignorant(twilio_settings(mailbox), lambda *_: {}))
    row = await driver.message(data)
    assert row.state == "unknown"
    async with driver.database.transaction() as tx:
        await save_report(tx, row.provider_id, data.message_id, ProviderStatus.DELIVERED, None)
    await driver.reports().round()
    assert (await driver.message(data)).state == "delivered"
    assert [kind for kind, _ in await driver.events()] == ["sent", "outcome_unknown", "delivered"]


async def test_i35_a_provider_that_cannot_be_queried_ends_nothing(
    driver: NotifierDriver, mailbox: Mailbox
) -> None:
    data = await _sent(driver, mailbox)
    settings = twilio_settings(mailbox)
    for _ in range(len(STATUS_CHECK_AFTER_SECONDS) + 2):
        await _check_status(driver, Away(settings, lambda *_: {}))
        row = await driver.message(data)
        assert (row.state, row.ask_at is None) == ("sent", False)
    await _check_status(driver, sms_channel(settings))
    row = await driver.message(data)
    assert (row.state, row.ask_at) == ("delivered", None)


async def test_i35_a_kill_between_the_last_check_and_its_answer_loses_neither(
    driver: NotifierDriver, mailbox: Mailbox
) -> None:
    data = await _sent(driver, mailbox)
    await driver.run(f"UPDATE messages SET asked = {len(STATUS_CHECK_AFTER_SECONDS) - 1}, ask_at = now()")
    async with driver.database.transaction() as tx:
        [check] = await claim_status_checks(tx, "sms", 5)
    assert check.is_last
    await _check_status(driver, sms_channel(twilio_settings(mailbox)))
    assert (await driver.message(data)).state == "delivered"


class Ignorant(TwilioChannel):
    """Channel whose provider does not know the message."""

    async def fetch_status(self, provider_id: str) -> None:  # noqa: ARG002
        raise Refused("20404", "Unknown message.")


class Away(TwilioChannel):
    """Channel whose provider does not answer status checks."""

    async def fetch_status(self, provider_id: str) -> None:  # noqa: ARG002
        raise TryLater("503", "Not now.")


async def test_a_provider_that_is_away_is_queried_again(driver: NotifierDriver, mailbox: Mailbox) -> None:
    data = await _sent(driver, mailbox)
    settings = twilio_settings(mailbox)
    await _check_status(driver, Away(settings, lambda *_: {}))
    assert (await driver.message(data)).state == "sent"
    assert await _seconds_to_check(driver, data) == STATUS_CHECK_AFTER_SECONDS[1]
    await _check_status(driver, sms_channel(settings))
    assert (await driver.message(data)).state == "delivered"


async def test_an_email_gets_no_status_check(driver: NotifierDriver, mailbox: Mailbox) -> None:
    data = await _sent(driver, mailbox)
    await driver.run("UPDATE messages SET channel = 'email', ask_at = now()")
    reports = driver.reports()
    async with StatusPoller(
        driver.database, "sms", sms_channel(twilio_settings(mailbox)), reports.periodic_task.wake
    ) as poller:
        assert not await poller.round()
    assert (await driver.message(data)).asked == 0

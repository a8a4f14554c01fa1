"""A message that nobody reports on is asked about, ever less often, and at last its outcome is unknown."""

from __future__ import annotations

from typing import Any

import pytest

from deploy.embedded.mailbox import Mailbox
from deploy.embedded.mailbox.state import Play
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
    """A message that the provider took over, and of which no report arrived."""
    data = command(channel="sms", address=NUMBER)
    await driver.put(data, channels=["sms"])
    async with sending(driver.sender(sms_channel(twilio_settings(mailbox)), channel_name="sms")):

        async def taken() -> bool:
            return await driver.states() == ["sent"]

        await eventually(taken)
    return data


async def _ask(driver: NotifierDriver, channel: TwilioChannel) -> None:
    """Time goes by, a question is due, and what was answered is applied."""
    await driver.run("UPDATE messages SET ask_at = now() WHERE ask_at IS NOT NULL")
    reports = driver.reports()
    async with StatusPoller(driver.database, "sms", channel, reports.timer.wake) as inquiries:
        await inquiries.round()
    while await reports.round():
        pass


async def _waits_seconds(driver: NotifierDriver, data: SendMessage) -> float | None:
    """Seconds from the hand-over to the next question."""
    row = await driver.message(data)
    return None if row.ask_at is None else (row.ask_at - row.finished_at).total_seconds()


@pytest.mark.parametrize(("behaviour", "state"), [("silent", "delivered"), ("bounce", "failed_permanent")])
async def test_i31_what_was_not_reported_is_asked_for(
    driver: NotifierDriver, mailbox: Mailbox, behaviour: Any, state: str
) -> None:
    mailbox.state.set(Play(NUMBER, behaviour))
    data = await _sent(driver, mailbox)
    assert await _waits_seconds(driver, data) == STATUS_CHECK_AFTER_SECONDS[0]
    await _ask(driver, sms_channel(twilio_settings(mailbox)))
    row = await driver.message(data)
    assert (row.state, row.ask_at) == (state, None)
    assert [kind for kind, _ in await driver.events()][1:] == [
        "delivered" if state == "delivered" else "failed"
    ]
    await _ask(driver, sms_channel(twilio_settings(mailbox)))
    assert len(await driver.events()) == 2


async def test_i31_silence_to_the_last_question_is_an_unknown_outcome(
    driver: NotifierDriver, mailbox: Mailbox
) -> None:
    data = await _sent(driver, mailbox)
    [copy] = mailbox.state.copies(NUMBER, 5)

    async def arrived() -> None:
        now = mailbox.state.copy(copy.sid)
        assert now is not None
        assert now.status == "delivered"

    await eventually(arrived)
    asked: list[float | None] = []
    for _ in STATUS_CHECK_AFTER_SECONDS:
        mailbox.state.move(copy.sid, "sent")
        asked.append(await _waits_seconds(driver, data))
        await _ask(driver, sms_channel(twilio_settings(mailbox)))
    assert asked == list(STATUS_CHECK_AFTER_SECONDS)
    row = await driver.message(data)
    assert (row.state, row.code, row.ask_at) == ("unknown", "no_report", None)
    assert [kind for kind, _ in await driver.events()] == ["sent", "outcome_unknown"]


async def test_i35_what_is_reported_after_the_last_question_still_counts(
    driver: NotifierDriver, mailbox: Mailbox
) -> None:
    data = await _sent(driver, mailbox)
    await driver.run(f"UPDATE messages SET asked = {len(STATUS_CHECK_AFTER_SECONDS) - 1}")
    await _ask(driver, Ignorant(twilio_settings(mailbox), lambda *_: {}))
    row = await driver.message(data)
    assert row.state == "unknown"
    async with driver.database.transaction() as tx:
        await save_report(tx, row.provider_id, data.message_id, ProviderStatus.DELIVERED, None)
    await driver.reports().round()
    assert (await driver.message(data)).state == "delivered"
    assert [kind for kind, _ in await driver.events()] == ["sent", "outcome_unknown", "delivered"]


async def test_i35_a_provider_that_cannot_be_asked_ends_nothing(
    driver: NotifierDriver, mailbox: Mailbox
) -> None:
    data = await _sent(driver, mailbox)
    settings = twilio_settings(mailbox)
    for _ in range(len(STATUS_CHECK_AFTER_SECONDS) + 2):
        await _ask(driver, Away(settings, lambda *_: {}))
        row = await driver.message(data)
        assert (row.state, row.ask_at is None) == ("sent", False)
    await _ask(driver, sms_channel(settings))
    row = await driver.message(data)
    assert (row.state, row.ask_at) == ("delivered", None)


async def test_i35_a_kill_between_the_last_question_and_its_answer_loses_neither(
    driver: NotifierDriver, mailbox: Mailbox
) -> None:
    data = await _sent(driver, mailbox)
    await driver.run(f"UPDATE messages SET asked = {len(STATUS_CHECK_AFTER_SECONDS) - 1}, ask_at = now()")
    async with driver.database.transaction() as tx:
        [check] = await claim_status_checks(tx, "sms", 5)
    assert check.is_last
    await _ask(driver, sms_channel(twilio_settings(mailbox)))
    assert (await driver.message(data)).state == "delivered"


class Ignorant(TwilioChannel):
    """A provider that knows nothing of the message."""

    async def fetch_status(self, provider_id: str) -> None:  # noqa: ARG002
        raise Refused("20404", "Never heard of it.")


class Away(TwilioChannel):
    """A provider that does not answer questions."""

    async def fetch_status(self, provider_id: str) -> None:  # noqa: ARG002
        raise TryLater("503", "Not now.")


async def test_a_provider_that_is_away_is_asked_again(driver: NotifierDriver, mailbox: Mailbox) -> None:
    data = await _sent(driver, mailbox)
    settings = twilio_settings(mailbox)
    await _ask(driver, Away(settings, lambda *_: {}))
    assert (await driver.message(data)).state == "sent"
    assert await _waits_seconds(driver, data) == STATUS_CHECK_AFTER_SECONDS[1]
    await _ask(driver, sms_channel(settings))
    assert (await driver.message(data)).state == "delivered"


async def test_mail_is_not_asked_about(driver: NotifierDriver, mailbox: Mailbox) -> None:
    data = await _sent(driver, mailbox)
    await driver.run("UPDATE messages SET channel = 'email', ask_at = now()")
    reports = driver.reports()
    async with StatusPoller(
        driver.database, "sms", sms_channel(twilio_settings(mailbox)), reports.timer.wake
    ) as asking:
        assert not await asking.round()
    assert (await driver.message(data)).asked == 0

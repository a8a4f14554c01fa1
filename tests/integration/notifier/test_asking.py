"""A message that nobody reports on is asked about, ever less often, and at last its outcome is unknown."""

from typing import Any

import pytest

from deploy.embedded.mailbox import Mailbox
from deploy.embedded.mailbox.state import RecipientBehaviour
from services.notifier.channels.base import Refused, TryLater
from services.notifier.channels.twilio import TwilioChannel, sms_channel
from services.notifier.domain.reports import ASK_AFTER_SECONDS, ASK_AGAIN_SECONDS, Word
from services.notifier.domain.retry import RetryPolicy
from services.notifier.service.reporting import keep_report
from services.notifier.storage.asking import claim_questions
from services.notifier.timers.inquiries import Inquiries
from services.notifier.timers.reports import Reports
from shared.contracts.notifier import SendMessage
from tests.integration.notifier.desk import Desk, command, sending
from tests.integration.notifier.phone import settings_of
from tests.support.waiting import eventually

NUMBER = "+4915112345678"


async def _sent(desk: Desk, mailbox: Mailbox) -> SendMessage:
    """A message that the provider took over, and of which no report arrived."""
    data = command(channel="sms", address=NUMBER)
    await desk.put(data, channels=["sms"])
    async with sending(desk.sender(sms_channel(settings_of(mailbox)), channel_name="sms")):

        async def taken() -> bool:
            return await desk.states() == ["sent"]

        await eventually(taken)
    return data


async def _ask(desk: Desk, channel: TwilioChannel) -> None:
    """Time goes by, a question is due, and what was answered is applied."""
    await desk.run("UPDATE messages SET ask_at = now() WHERE ask_at IS NOT NULL")
    reports = Reports(desk.database, RetryPolicy(), poll_seconds=1)
    async with Inquiries(desk.database, "sms", channel, reports.timer.wake) as inquiries:
        await inquiries.round()
    while await reports.round():
        pass


async def _waits_seconds(desk: Desk, data: SendMessage) -> float | None:
    """Seconds from the hand-over to the next question."""
    row = await desk.message(data)
    return None if row.ask_at is None else (row.ask_at - row.finished_at).total_seconds()


@pytest.mark.parametrize(("behaviour", "state"), [("silent", "delivered"), ("bounce", "failed_permanent")])
async def test_i31_what_was_not_reported_is_asked_for(
    desk: Desk, mailbox: Mailbox, behaviour: Any, state: str
) -> None:
    mailbox.state.set_behaviour(RecipientBehaviour(NUMBER, behaviour))
    data = await _sent(desk, mailbox)
    assert await _waits_seconds(desk, data) == ASK_AFTER_SECONDS[0]
    await _ask(desk, sms_channel(settings_of(mailbox)))
    row = await desk.message(data)
    assert (row.state, row.ask_at) == (state, None)
    assert [kind for kind, _ in await desk.facts()][1:] == ["delivered" if state == "delivered" else "failed"]
    await _ask(desk, sms_channel(settings_of(mailbox)))
    assert len(await desk.facts()) == 2


async def test_i31_silence_to_the_last_question_is_an_unknown_outcome(desk: Desk, mailbox: Mailbox) -> None:
    data = await _sent(desk, mailbox)
    [copy] = mailbox.state.list_texts(NUMBER, 5)

    async def arrived() -> None:
        now = mailbox.state.find_text(copy.sid)
        assert now is not None
        assert now.status == "delivered"

    await eventually(arrived)
    asked: list[float | None] = []
    for _ in ASK_AFTER_SECONDS:
        mailbox.state.update_status(copy.sid, "sent")
        asked.append(await _waits_seconds(desk, data))
        await _ask(desk, sms_channel(settings_of(mailbox)))
    assert asked == list(ASK_AFTER_SECONDS)
    row = await desk.message(data)
    assert (row.state, row.code, row.ask_at) == ("unknown", "no_report", None)
    assert [kind for kind, _ in await desk.facts()] == ["sent", "outcome_unknown"]


async def test_i35_what_is_reported_after_the_last_question_still_counts(
    desk: Desk, mailbox: Mailbox
) -> None:
    data = await _sent(desk, mailbox)
    await desk.run(f"UPDATE messages SET asked = {len(ASK_AFTER_SECONDS) - 1}")
    await _ask(desk, Ignorant(settings_of(mailbox), lambda *_: {}))
    row = await desk.message(data)
    assert row.state == "unknown"
    async with desk.database.transaction() as tx:
        await keep_report(tx, row.provider_id, data.message_id, Word.DELIVERED, None)
    await Reports(desk.database, RetryPolicy(), poll_seconds=1).round()
    assert (await desk.message(data)).state == "delivered"
    assert [kind for kind, _ in await desk.facts()] == ["sent", "outcome_unknown", "delivered"]


async def test_i35_a_provider_that_cannot_be_asked_ends_nothing(desk: Desk, mailbox: Mailbox) -> None:
    data = await _sent(desk, mailbox)
    settings = settings_of(mailbox)
    for _ in range(len(ASK_AFTER_SECONDS) + 2):
        await _ask(desk, Away(settings, lambda *_: {}))
        row = await desk.message(data)
        assert (row.state, row.ask_at is None) == ("sent", False)
    await _ask(desk, sms_channel(settings))
    row = await desk.message(data)
    assert (row.state, row.ask_at) == ("delivered", None)


async def test_i35_a_kill_between_the_last_question_and_its_answer_loses_neither(
    desk: Desk, mailbox: Mailbox
) -> None:
    data = await _sent(desk, mailbox)
    await desk.run(f"UPDATE messages SET asked = {len(ASK_AFTER_SECONDS) - 1}, ask_at = now()")
    async with desk.database.transaction() as tx:
        [question] = await claim_questions(tx, "sms", ASK_AFTER_SECONDS, ASK_AGAIN_SECONDS, 5)
    assert question.last
    await _ask(desk, sms_channel(settings_of(mailbox)))
    assert (await desk.message(data)).state == "delivered"


class Ignorant(TwilioChannel):
    """A provider that knows nothing of the message."""

    async def ask(self, provider_id: str) -> None:  # noqa: ARG002
        raise Refused("20404", "Never heard of it.")


class Away(TwilioChannel):
    """A provider that does not answer questions."""

    async def ask(self, provider_id: str) -> None:  # noqa: ARG002
        raise TryLater("503", "Not now.")


async def test_a_provider_that_is_away_is_asked_again(desk: Desk, mailbox: Mailbox) -> None:
    data = await _sent(desk, mailbox)
    settings = settings_of(mailbox)
    await _ask(desk, Away(settings, lambda *_: {}))
    assert (await desk.message(data)).state == "sent"
    assert await _waits_seconds(desk, data) == ASK_AFTER_SECONDS[1]
    await _ask(desk, sms_channel(settings))
    assert (await desk.message(data)).state == "delivered"


async def test_mail_is_not_asked_about(desk: Desk, mailbox: Mailbox) -> None:
    data = await _sent(desk, mailbox)
    await desk.run("UPDATE messages SET channel = 'email', ask_at = now()")
    reports = Reports(desk.database, RetryPolicy(), poll_seconds=1)
    async with Inquiries(
        desk.database, "sms", sms_channel(settings_of(mailbox)), reports.timer.wake
    ) as asking:
        assert not await asking.round()
    assert (await desk.message(data)).asked == 0

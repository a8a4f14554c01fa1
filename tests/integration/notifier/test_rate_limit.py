"""Texts cost money: they go to allowed countries only, and a school sends only so many in an hour."""

from __future__ import annotations

from services.notifier.channels.memory import MemoryChannel
from services.notifier.storage.spending import seconds_left_in_hour
from shared.contracts.notifier import SendMessage
from shared.runtime.core import new_id
from tests.integration.notifier.builders import command
from tests.integration.notifier.driver import NotifierDriver, sending
from tests.support.waiting import eventually

LIMIT = 7


async def test_i37_no_text_goes_to_a_country_that_is_not_allowed(driver: NotifierDriver) -> None:
    home, abroad, odd = (
        command(channel="sms", address=number) for number in ("+4915112345678", "+39333000000", "+999123456")
    )
    email = command()
    await driver.put(home, abroad, odd, email, channels=("email", "sms"), countries=("DE", "AT"))
    states = {data.message_id: (await driver.message(data)).state for data in (home, abroad, odd, email)}
    assert list(states.values()) == ["queued", "failed_permanent", "failed_permanent", "queued"]
    codes = {event["message_id"]: event["code"] for _, event in await driver.events()}
    assert codes == {str(data.message_id): "policy_country" for data in (abroad, odd)}


async def test_i37_a_school_sends_exactly_its_texts_of_an_hour_and_the_rest_in_the_next(
    driver: NotifierDriver,
) -> None:
    await eventually(lambda: _hour_lasts(driver), within_seconds=60)
    texts = [_text(number) for number in range(20)]
    await driver.put(*texts, channels=["sms"])
    await driver.put(_text(99), channels=["sms"], school_id=new_id())
    channel = MemoryChannel()
    senders = [
        driver.sender(channel, channel_name="sms", connections=8, texts_per_hour=LIMIT) for _ in range(2)
    ]
    async with sending(*senders):

        async def reached() -> None:
            states = await driver.states()
            assert (states.count("sent"), states.count("failed_temporary")) == (LIMIT + 1, 20 - LIMIT)

        await eventually(reached)
        assert len(channel.tried) == LIMIT + 1
        [reason] = {event["reason"] for kind, event in await driver.events() if kind == "failed"}
        assert "as many texts as it may in an hour" in reason
        await driver.run("UPDATE spending SET hour = hour - interval '1 hour'")
        await driver.run("UPDATE messages SET due_at = now() WHERE due_at IS NOT NULL")

        async def next_hour() -> None:
            assert (await driver.states()).count("sent") == 2 * LIMIT + 1

        await eventually(next_hour)
    assert len(channel.tried) == 2 * LIMIT + 1
    attempts = [(await driver.message(data)).attempts for data in texts]
    assert max(attempts) == 1, "waiting uses up no attempt"


async def test_hours_that_are_over_are_forgotten(driver: NotifierDriver) -> None:
    await driver.run(f"INSERT INTO spending VALUES ('{new_id()}', now() - interval '3 days', 1)")
    await driver.reports().round()
    async with driver.database.transaction() as tx:
        assert await tx.scalar("SELECT count(*) FROM spending") == 0


async def _hour_lasts(driver: NotifierDriver) -> bool:
    """Return whether no new hour begins during the test."""
    async with driver.database.transaction() as tx:
        return await seconds_left_in_hour(tx) > 45


def _text(number: int) -> SendMessage:
    return command(channel="sms", address=f"+49151123456{number:02}")

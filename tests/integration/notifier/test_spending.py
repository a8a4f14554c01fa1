"""Texts cost money: only to countries that the operator allows, and only so many of a school in an hour."""

from services.notifier.channels.memory import MemoryChannel
from services.notifier.domain.retry import RetryPolicy
from services.notifier.storage.spending import seconds_left
from services.notifier.timers.reports import Reports
from shared.contracts.notifier import SendMessage
from shared.runtime.core import new_id
from tests.integration.notifier.desk import Desk, command, sending
from tests.support.waiting import eventually

LIMIT = 7


async def test_i37_no_text_goes_to_a_country_that_is_not_allowed(desk: Desk) -> None:
    home, abroad, odd = (
        command(channel="sms", address=number) for number in ("+4915112345678", "+39333000000", "+999123456")
    )
    mail = command()
    await desk.put(home, abroad, odd, mail, channels=("email", "sms"), countries=("DE", "AT"))
    states = {data.message_id: (await desk.message(data)).state for data in (home, abroad, odd, mail)}
    assert list(states.values()) == ["queued", "failed_permanent", "failed_permanent", "queued"]
    codes = {fact["message_id"]: fact["code"] for _, fact in await desk.facts()}
    assert codes == {str(data.message_id): "policy_country" for data in (abroad, odd)}


async def test_i37_a_school_sends_exactly_its_texts_of_an_hour_and_the_rest_in_the_next(desk: Desk) -> None:
    await eventually(lambda: _hour_lasts(desk), within_seconds=60)
    mine = [_text(number) for number in range(20)]
    await desk.put(*mine, channels=["sms"])
    await desk.put(_text(99), channels=["sms"], school_id=new_id())
    channel = MemoryChannel()
    senders = [
        desk.sender(channel, channel_name="sms", connections=8, texts_per_hour=LIMIT) for _ in range(2)
    ]
    async with sending(*senders):

        async def settled() -> None:
            states = await desk.states()
            assert (states.count("sent"), states.count("failed_temporary")) == (LIMIT + 1, 20 - LIMIT)

        await eventually(settled)
        assert len(channel.tried) == LIMIT + 1
        [reason] = {fact["reason"] for kind, fact in await desk.facts() if kind == "failed"}
        assert "as many texts as it may in an hour" in reason
        await desk.run("UPDATE spending SET hour = hour - interval '1 hour'")
        await desk.run("UPDATE messages SET due_at = now() WHERE due_at IS NOT NULL")

        async def next_hour() -> None:
            assert (await desk.states()).count("sent") == 2 * LIMIT + 1

        await eventually(next_hour)
    assert len(channel.tried) == 2 * LIMIT + 1
    attempts = [(await desk.message(data)).attempts for data in mine]
    assert max(attempts) == 1, "waiting uses up no try"


async def test_hours_that_are_over_are_forgotten(desk: Desk) -> None:
    await desk.run(f"INSERT INTO spending VALUES ('{new_id()}', now() - interval '3 days', 1)")
    await Reports(desk.database, RetryPolicy(), poll_seconds=1).round()
    async with desk.database.transaction() as tx:
        assert await tx.scalar("SELECT count(*) FROM spending") == 0


async def _hour_lasts(desk: Desk) -> bool:
    """No new hour begins in the middle of the test."""
    async with desk.database.transaction() as tx:
        return await seconds_left(tx) > 45


def _text(number: int) -> SendMessage:
    return command(channel="sms", address=f"+49151123456{number:02}")

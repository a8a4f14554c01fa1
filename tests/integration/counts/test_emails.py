"""Cost of an email that is claimed as its command is written, in round trips and rows."""

from services.notifier.channels.memory import MemoryChannel
from services.notifier.consumers import CommandConsumer
from services.notifier.domain.retry import RetryPolicy
from services.notifier.sending.sender import Sender
from services.notifier.use_cases.channel_policy import ChannelPolicy
from services.notifier.use_cases.claim import Queue
from shared.runtime.database import Database
from shared.runtime.messaging import Lane
from tests.integration.counts.bulk_fixture import RoundTrips, count_written
from tests.integration.notifier.builders import COMPOSER, command, received
from tests.integration.notifier.driver import NotifierDriver
from tests.support.waiting import eventually

EMAILS = 30
# Begin, its scope, the messages, commit; the inbox is the consumer's part.
ROUND_TRIPS_TO_TAKE = 4
# Begin, its scope, the messages, the outbox and its run, the notification, commit.
ROUND_TRIPS_TO_RECORD = 7
# Inserted as in flight, and updated with the outcome.
ROWS_OF_A_MESSAGE = 2


async def test_an_email_costs_no_claim_and_no_row_for_its_attempt(database_url: str) -> None:
    trips = RoundTrips()
    async with Database(database_url, schema="notifier") as database:
        trips.watch(database)
        queue = Queue("email", Lane.BULK, 20.0, RetryPolicy())
        sender = Sender(database, MemoryChannel(), queue, COMPOSER, connections=4, poll_seconds=3_600.0)
        await sender.round()
        policy = ChannelPolicy(frozenset({"email"}))
        consumer = CommandConsumer(Lane.BULK, policy, {"email": sender.in_flight})
        before = trips.count
        async with database.transaction() as tx:
            await consumer.on_send_message(tx, [received(command()) for _ in range(EMAILS)])
        consumer.on_committed()
        taken = trips.count - before
        await eventually(lambda: len(sender.outcomes) == EMAILS)
        assert trips.count - before == taken
        await sender.round()
        recorded = trips.count - before - taken
        assert await NotifierDriver(database).states() == ["sent"] * EMAILS
    assert taken <= ROUND_TRIPS_TO_TAKE
    assert recorded <= ROUND_TRIPS_TO_RECORD
    rows, _ = await count_written(database_url)
    assert rows["notifier.messages"] == ROWS_OF_A_MESSAGE * EMAILS
    assert rows["notifier.attempts"] == 0

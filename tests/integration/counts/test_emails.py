"""Cost of an email that is claimed as its command is written, in round trips and rows."""

from services.notifier.channels.memory import MemoryChannel
from services.notifier.consumers import Commands
from services.notifier.domain.retry import RetryPolicy
from services.notifier.service.claiming import Queue
from services.notifier.service.outlets import Outlets
from services.notifier.timers.sender import Sender
from shared.runtime.database import Database
from shared.runtime.messaging import Lane
from tests.integration.counts.bulk_fixture import RoundTrips, count_written
from tests.integration.notifier.desk import LINKS, Desk, command, received
from tests.support.waiting import eventually

EMAILS = 60
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
        sender = Sender(database, MemoryChannel(), queue, LINKS, connections=4, poll_seconds=3_600.0)
        await sender.round()
        commands = Commands(Lane.BULK, Outlets(frozenset({"email"})), {"email": sender})
        before = trips.count
        async with database.transaction() as tx:
            await commands.on_send_message(tx, [received(command()) for _ in range(EMAILS)])
        commands.committed()
        taken = trips.count - before
        await eventually(lambda: len(sender.hands.outcomes) == EMAILS)
        assert trips.count - before == taken
        await sender.round()
        recorded = trips.count - before - taken
        assert await Desk(database).states() == ["sent"] * EMAILS
    assert taken <= ROUND_TRIPS_TO_TAKE
    assert recorded <= ROUND_TRIPS_TO_RECORD
    rows, _ = await count_written(database_url)
    assert rows["notifier.messages"] == ROWS_OF_A_MESSAGE * EMAILS
    assert rows["notifier.attempts"] == 0

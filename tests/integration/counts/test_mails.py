"""What a mail costs that is claimed as its command is written, in round trips and rows."""

from services.notifier.channels.memory import MemoryChannel
from services.notifier.consumers import Commands
from services.notifier.domain.retry import RetryPolicy
from services.notifier.service.claiming import Queue
from services.notifier.service.outlets import Outlets
from services.notifier.timers.sender import Sender
from shared.runtime.database import Database
from shared.runtime.messaging import Lane
from tests.integration.counts.mill import Trips, written
from tests.integration.notifier.desk import LINKS, Desk, command, received
from tests.support.waiting import eventually

MAILS = 60
# Begin, its scope, the messages, commit; the inbox is the consumer's own.
ROUND_TRIPS_TO_TAKE = 4
# Begin, its scope, the messages, the outbox and what is pending of it, the hint, commit.
ROUND_TRIPS_TO_RECORD = 7
# Written in hand, and settled.
ROWS_OF_A_MESSAGE = 2


async def test_a_mail_costs_no_claim_and_no_row_for_its_attempt(database_url: str) -> None:
    trips = Trips()
    async with Database(database_url, schema="notifier") as database:
        trips.watch(database)
        queue = Queue("email", Lane.BULK, 20.0, RetryPolicy())
        sender = Sender(database, MemoryChannel(), queue, LINKS, connections=4, poll_seconds=3_600.0)
        await sender.round()
        commands = Commands(Lane.BULK, Outlets(frozenset({"email"})), {"email": sender})
        before = trips.count
        async with database.transaction() as tx:
            await commands.on_send_message(tx, [received(command()) for _ in range(MAILS)])
        commands.committed()
        taken = trips.count - before
        await eventually(lambda: len(sender.hands.outcomes) == MAILS)
        assert trips.count - before == taken
        await sender.round()
        recorded = trips.count - before - taken
        assert await Desk(database).states() == ["sent"] * MAILS
    assert taken <= ROUND_TRIPS_TO_TAKE
    assert recorded <= ROUND_TRIPS_TO_RECORD
    rows, _ = await written(database_url)
    assert rows["notifier.messages"] == ROWS_OF_A_MESSAGE * MAILS
    assert rows["notifier.attempts"] == 0

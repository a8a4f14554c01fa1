"""Cost of a parent in round trips, rows and bytes. Time is not measured here; growth fails the test.

A number may only grow with a reason in the commit that changes it.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from services.notifier.channels.memory import MemoryChannel
from shared.contracts.roster import (
    ChildLink,
    Contact,
    InvitationRequested,
    ParentAdded,
    ParentDetails,
    School,
    SchoolRegistered,
)
from shared.contracts.signup import VerificationSubmitted
from shared.runtime.database import Database
from shared.runtime.messaging import OutboxMessage
from tests.integration.counts.bulk_fixture import Batch, BulkFixture, count_written
from tests.integration.notifier.driver import NotifierDriver
from tests.support.apps import COMMON_ENVIRONMENT
from tests.support.waiting import eventually

SCHOOL = uuid4()
# Three of each are the begin of the transaction, the inbox and the commit. A batch of 10 costs as much as one of 30.
ROUND_TRIPS = {
    ("invitations.on-roster", "added"): 6,
    ("signup.on-roster", "added"): 5,
    ("dashboard.on-roster", "added"): 7,
    ("invitations.on-roster", "invitation_requested"): 10,
    ("signup.on-roster", "invitation_requested"): 3,
    ("dashboard.on-roster", "invitation_requested"): 5,
    ("notifier.on-commands", "send"): 4,
    ("notifier", "claim and record"): 10,
    ("signup.on-invitations", "verification_requested"): 5,
    ("dashboard.on-invitations", "verification_requested"): 6,
    ("invitations.on-notifier", "sent"): 6,
    ("dashboard.on-notifier", "sent"): 6,
    ("invitations.on-signup", "verification_submitted"): 10,
    ("signup.on-invitations", "contact_verified+issued"): 7,
    ("dashboard.on-invitations", "contact_verified+issued"): 10,
}
# Rows inserted and updated, and bytes of all messages, from the roster's event to the second email.
ROWS_PER_PARENT = 70
BYTES_PER_PARENT = 7_300
_ENTERED_TWICE = 2
PARENTS = 50


@pytest.fixture
async def bulk_fixture(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[BulkFixture]:
    """Yield all services, and a school that all of them know."""
    settings = {
        **COMMON_ENVIRONMENT,
        "KINVITE_DATABASE_URL": database_url,
        "KINVITE_KAFKA_BOOTSTRAP": "127.0.0.1:1",
        "NOTIFIER_SMTP_URL": "smtp://127.0.0.1:1",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    opened = BulkFixture(database_url)
    school = School(name="Elm Grove", country="GB", language="en", timezone="Europe/London")
    await opened.emit_messages(
        "roster", OutboxMessage(SchoolRegistered(school_id=SCHOOL, school=school), SCHOOL, 1)
    )
    opened.batches.clear()
    yield opened
    await opened.close()


async def _invite_families(bulk_fixture: BulkFixture, count: int) -> None:
    """Add parents who are invited, get their email, and press the button of their verification."""
    parents = [uuid4() for _ in range(count)]
    await bulk_fixture.emit_messages(
        "roster", *(OutboxMessage(_added(parent), SCHOOL, 1) for parent in parents)
    )
    requests = [InvitationRequested(parent_id=parent) for parent in parents]
    await bulk_fixture.emit_messages("roster", *(OutboxMessage(request, SCHOOL, 2) for request in requests))
    await _send(bulk_fixture, count)
    requested = await bulk_fixture.list_emitted("invitations.invitation.verification_requested.v1")
    assert len(requested) >= count
    own = [data for _, data in requested if UUID(data["parent_id"]) in set(parents)]
    pressed = [
        VerificationSubmitted(
            submission_id=uuid4(),
            invitation_id=UUID(data["invitation_id"]),
            generation=data["generation"],
            submitted_at=datetime.now(UTC),
        )
        for data in own
    ]
    await bulk_fixture.emit_messages("signup", *(OutboxMessage(event, SCHOOL, 1) for event in pressed))
    await _send(bulk_fixture, count)


def _added(parent_id: UUID) -> ParentAdded:
    contact = Contact(contact_id=uuid4(), kind="email", address=f"{parent_id}@example.org", preferred=True)
    parent = ParentDetails(name="Ada Lovelace", contacts=(contact,))
    child = ChildLink(student_id=uuid4(), rights="full")
    return ParentAdded(parent_id=parent_id, parent=parent, children=(child,))


async def _send(bulk_fixture: BulkFixture, count: int) -> None:
    """Send all queued emails, in one round that claims them and one that records them."""
    before = bulk_fixture.trips["notifier"].count
    sender = NotifierDriver(bulk_fixture.databases["notifier"]).sender(MemoryChannel(), connections=count)
    await sender.round()
    await eventually(lambda: len(sender.outcomes) == count)
    await sender.round()
    trips = bulk_fixture.trips["notifier"].count - before
    bulk_fixture.batches.append(Batch("notifier", frozenset({"..claim and record"}), count, trips, 1))
    await bulk_fixture.pass_on()


def _trips(bulk_fixture: BulkFixture) -> dict[tuple[str, str], int]:
    """Return the round trips of the most expensive batch of each group and mix of types."""
    trips_by_size: dict[tuple[str, str], int] = {}
    for batch in bulk_fixture.batches:
        kinds = "+".join(sorted(kind.split(".")[2] for kind in batch.kinds))
        trips_by_size[batch.group, kinds] = max(batch.trips, trips_by_size.get((batch.group, kinds), 0))
    return trips_by_size


async def test_round_trips_follow_from_batches_and_not_from_their_size(bulk_fixture: BulkFixture) -> None:
    trips_by_size = []
    for count in (10, 30):
        bulk_fixture.batches.clear()
        await _invite_families(bulk_fixture, count)
        trips_by_size.append(_trips(bulk_fixture))
        assert {batch.commits for batch in bulk_fixture.batches} == {1}
        assert {batch.records for batch in bulk_fixture.batches} <= {count, _ENTERED_TWICE * count}
    assert trips_by_size[0] == trips_by_size[1]
    assert trips_by_size[0].keys() == ROUND_TRIPS.keys()
    assert {key: trips for key, trips in trips_by_size[0].items() if trips > ROUND_TRIPS[key]} == {}


async def test_rows_and_bytes_of_a_family(bulk_fixture: BulkFixture, database_url: str) -> None:
    for _ in range(2):  # a sender has at most 32 accepted emails that are not recorded
        await _invite_families(bulk_fixture, PARENTS // 2)
    await bulk_fixture.close()
    rows, sizes = await count_written(database_url)
    per_parent = {name: count / PARENTS for name, count in rows.items() if count >= PARENTS}
    assert 0 < sum(per_parent.values()) <= ROWS_PER_PARENT, per_parent
    assert 0 < sum(sizes.values()) / PARENTS <= BYTES_PER_PARENT, sizes


async def test_the_first_outcome_of_a_message_touches_no_index(
    bulk_fixture: BulkFixture, database_url: str
) -> None:
    for _ in range(2):  # a sender has at most 32 accepted emails that are not recorded
        await _invite_families(bulk_fixture, PARENTS // 2)
    await bulk_fixture.close()
    async with Database(database_url, schema="invitations") as database, database.transaction() as tx:
        in_place = await tx.scalar(
            "SELECT n_tup_hot_upd FROM pg_stat_user_tables "
            "WHERE schemaname = 'invitations' AND relname = 'invitations'"
        )
    assert in_place >= PARENTS

"""What a family costs, in round trips, rows and bytes. Time is never measured here; growth fails the test.

A number may only grow with a reason in the commit that lets it.
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
from tests.integration.counts.mill import Batch, Mill, written
from tests.integration.notifier.desk import Desk
from tests.support.apps import COMMON_ENVIRONMENT
from tests.support.waiting import eventually

SCHOOL = uuid4()
# Three of each are the begin of the transaction, the inbox and the commit. A batch of 20 costs as much as 60.
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
# Rows inserted and updated, and bytes of all messages, from the roster's fact to the second mail.
ROWS_PER_PARENT = 70
BYTES_PER_PARENT = 7_300
_ENTERED_TWICE = 2


@pytest.fixture
async def mill(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Mill]:
    """All services, and a school that everybody knows."""
    settings = {
        **COMMON_ENVIRONMENT,
        "KINVITE_DATABASE_URL": database_url,
        "KINVITE_KAFKA_BOOTSTRAP": "127.0.0.1:1",
        "NOTIFIER_SMTP_URL": "smtp://127.0.0.1:1",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    opened = Mill(database_url)
    school = School(name="Elm Grove", country="GB", language="en", timezone="Europe/London")
    await opened.put("roster", OutboxMessage(SchoolRegistered(school_id=SCHOOL, school=school), SCHOOL, 1))
    opened.batches.clear()
    yield opened
    await opened.close()


async def _invite_families(mill: Mill, count: int) -> None:
    """New parents who are invited, mailed, and press the button of their verification."""
    parents = [uuid4() for _ in range(count)]
    await mill.put("roster", *(OutboxMessage(_added(parent), SCHOOL, 1) for parent in parents))
    wishes = [InvitationRequested(parent_id=parent) for parent in parents]
    await mill.put("roster", *(OutboxMessage(wish, SCHOOL, 2) for wish in wishes))
    await _send(mill, count)
    asked = await mill.said("invitations.invitation.verification_requested.v1")
    assert len(asked) >= count
    mine = [data for _, data in asked if UUID(data["parent_id"]) in set(parents)]
    pressed = [
        VerificationSubmitted(
            submission_id=uuid4(),
            invitation_id=UUID(data["invitation_id"]),
            generation=data["generation"],
            submitted_at=datetime.now(UTC),
        )
        for data in mine
    ]
    await mill.put("signup", *(OutboxMessage(fact, SCHOOL, 1) for fact in pressed))
    await _send(mill, count)


def _added(parent_id: UUID) -> ParentAdded:
    contact = Contact(contact_id=uuid4(), kind="email", address=f"{parent_id}@example.org", preferred=True)
    parent = ParentDetails(name="Ada Lovelace", contacts=(contact,))
    child = ChildLink(student_id=uuid4(), rights="full")
    return ParentAdded(parent_id=parent_id, parent=parent, children=(child,))


async def _send(mill: Mill, count: int) -> None:
    """All queued mails, in one round that claims them and one that records."""
    before = mill.trips["notifier"].count
    sender = Desk(mill.databases["notifier"]).sender(MemoryChannel(), connections=count)
    await sender.round()
    await eventually(lambda: len(sender.hands.outcomes) == count)
    await sender.round()
    trips = mill.trips["notifier"].count - before
    mill.batches.append(Batch("notifier", frozenset({"..claim and record"}), count, trips, 1))
    await mill.carry()


def _trips(mill: Mill) -> dict[tuple[str, str], int]:
    """Round trips of the dearest batch of each group and mix of types."""
    found: dict[tuple[str, str], int] = {}
    for batch in mill.batches:
        kinds = "+".join(sorted(kind.split(".")[2] for kind in batch.kinds))
        found[batch.group, kinds] = max(batch.trips, found.get((batch.group, kinds), 0))
    return found


async def test_round_trips_follow_from_batches_and_not_from_their_size(mill: Mill) -> None:
    found = []
    for count in (20, 60):
        mill.batches.clear()
        await _invite_families(mill, count)
        found.append(_trips(mill))
        assert {batch.commits for batch in mill.batches} == {1}
        assert {batch.records for batch in mill.batches} <= {count, _ENTERED_TWICE * count}
    assert found[0] == found[1]
    assert found[0].keys() == ROUND_TRIPS.keys()
    assert {key: trips for key, trips in found[0].items() if trips > ROUND_TRIPS[key]} == {}


async def test_rows_and_bytes_of_a_family(mill: Mill, database_url: str) -> None:
    await _invite_families(mill, 50)
    await mill.close()
    rows, sizes = await written(database_url)
    per_parent = {name: count / 50 for name, count in rows.items() if count >= 50}
    assert 0 < sum(per_parent.values()) <= ROWS_PER_PARENT, per_parent
    assert 0 < sum(sizes.values()) / 50 <= BYTES_PER_PARENT, sizes


async def test_the_first_outcome_of_a_message_touches_no_index(mill: Mill, database_url: str) -> None:
    await _invite_families(mill, 50)
    await mill.close()
    async with Database(database_url, schema="invitations") as database, database.transaction() as tx:
        in_place = await tx.scalar(
            "SELECT n_tup_hot_upd FROM pg_stat_user_tables "
            "WHERE schemaname = 'invitations' AND relname = 'invitations'"
        )
    assert in_place >= 50

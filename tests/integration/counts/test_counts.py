"""What a family costs, in round trips, rows and bytes. Time is never measured here; growth fails the test.

A number may only grow with a reason in the commit that lets it.
"""

from collections import Counter
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
from shared.runtime.outbox import Outgoing
from tests.integration.counts.mill import Mill, written
from tests.integration.notifier.desk import Desk
from tests.support.apps import COMMON_ENVIRONMENT
from tests.support.waiting import eventually

SCHOOL = uuid4()
ROUND_TRIPS: dict[tuple[str, str], int] = {}
ROWS_PER_PARENT = 0.0
BYTES_PER_PARENT = 0


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
    await opened.put("roster", Outgoing(SchoolRegistered(school_id=SCHOOL, school=school), SCHOOL, 1))
    opened.batches.clear()
    yield opened
    await opened.close()


async def _invite_families(mill: Mill, count: int) -> None:
    """New parents who are invited, mailed, and press the button of their verification."""
    parents = [uuid4() for _ in range(count)]
    await mill.put("roster", *(Outgoing(_added(parent), SCHOOL, 1) for parent in parents))
    wishes = [InvitationRequested(parent_id=parent) for parent in parents]
    await mill.put("roster", *(Outgoing(wish, SCHOOL, 2) for wish in wishes))
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
    await mill.put("signup", *(Outgoing(fact, SCHOOL, 1) for fact in pressed))
    await _send(mill, count)


def _added(parent_id: UUID) -> ParentAdded:
    contact = Contact(contact_id=uuid4(), kind="email", address=f"{parent_id}@example.org", preferred=True)
    parent = ParentDetails(name="Ada Lovelace", contacts=(contact,))
    child = ChildLink(student_id=uuid4(), rights="full")
    return ParentAdded(parent_id=parent_id, parent=parent, children=(child,))


async def _send(mill: Mill, count: int) -> None:
    """All queued mails, in one round that claims them and one that records."""
    channel = MemoryChannel()
    sender = Desk(mill.databases["notifier"]).sender(channel, connections=count)
    async with sender:
        await sender.round()
        await eventually(lambda: len(sender._ended) == count)
        await sender.round()
    await mill.carry()


def _by_group(mill: Mill) -> dict[tuple[str, str], int]:
    """Round trips of each batch: the group and the types it held, in short."""
    return {
        (batch.group, "+".join(sorted(kind.split(".")[2] for kind in batch.kinds))): batch.trips
        for batch in mill.batches
    }


async def test_round_trips_depend_on_batches_and_not_on_their_size(mill: Mill) -> None:
    found = []
    for count in (20, 60):
        mill.batches.clear()
        await _invite_families(mill, count)
        found.append(_by_group(mill))
        assert {batch.commits for batch in mill.batches} == {1}
    assert found[0] == found[1]
    print(found[1])
    grown = {key: trips for key, trips in found[1].items() if trips > ROUND_TRIPS.get(key, 0)}
    assert not grown


async def test_rows_and_bytes_of_a_family(mill: Mill, database_url: str) -> None:
    await _invite_families(mill, 50)
    await mill.close()
    rows, sizes = await written(database_url)
    per_parent = Counter({name: count / 50 for name, count in rows.items() if count >= 50})
    print(per_parent, sizes)
    assert sum(per_parent.values()) <= ROWS_PER_PARENT

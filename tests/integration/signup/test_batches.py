"""Batches of events, and several processes of the service at the same time."""

from __future__ import annotations

import asyncio
from uuid import uuid4

from shared.contracts import invitations, roster
from shared.contracts.signup import SignedUp, SignUpSubmitted
from tests.integration.signup.builders import ParentRecord, link_event
from tests.integration.signup.driver import PASSWORD, SignupDriver, open_driver, settings_for

NOW = "2026-03-02T12:00:00Z"


async def test_of_several_events_about_one_aggregate_in_a_batch_the_newest_counts(
    signup: SignupDriver,
) -> None:
    student_id = uuid4()
    names = ["First", "Second", "Third"]
    await signup.consume_batch(
        *(
            roster.StudentDetailsChanged(student_id=student_id, student=roster.StudentDetails(name=name))
            for name in names
        )
    )
    (student,) = await signup.rows("SELECT name, version FROM students")
    assert (student.name, student.version) == ("Third", 3)

    parent = await signup.add_parent()
    parent.generation = 1
    older = link_event(invitations.InvitationIssued, parent, "older")
    parent.generation = 2
    await signup.consume_batch(older, link_event(invitations.InvitationIssued, parent, "newer"))
    assert "replaced by a newer one" in (await signup.client.get("/join/older")).text
    assert (await signup.client.get("/join/newer")).status_code == 200


async def test_a_batch_of_decisions_is_decided_whole(signup: SignupDriver) -> None:
    parents = [ParentRecord(signup.school_id, generation=1) for _ in range(20)]
    await signup.consume_batch(
        *(link_event(invitations.VerificationRequested, parent, f"v{parent.parent_id}") for parent in parents)
    )
    pages = [await signup.client.post(f"/verify/v{parent.parent_id}") for parent in parents]
    await signup.consume_batch(
        *(
            parent.event(invitations.ContactVerified, contact_id=parent.contact_id, verified_at=NOW)
            for parent in parents
        )
    )
    for page in pages:
        assert "is confirmed" in (await signup.client.get(page.headers["location"])).text

    await signup.consume_batch(
        *(link_event(invitations.InvitationIssued, parent, f"j{parent.parent_id}") for parent in parents)
    )
    for number, parent in enumerate(parents):
        form = {"username": f"parent{number}", "password": PASSWORD}
        assert (await signup.client.post(f"/join/j{parent.parent_id}", data=form)).status_code == 303
    submitted = [message for message in await signup.list_emitted() if isinstance(message, SignUpSubmitted)]
    by_id = {parent.invitation_id: parent for parent in parents}
    decisions = [
        by_id[message.invitation_id].event(
            invitations.InvitationAccepted, submission_id=message.submission_id, accepted_at=NOW
        )
        for message in submitted
    ]
    await signup.consume_batch(*decisions)
    await signup.consume_batch(*decisions)
    signed_up = [message for message in await signup.list_emitted() if isinstance(message, SignedUp)]
    assert {message.parent_id for message in signed_up} == {parent.parent_id for parent in parents}
    assert len(signed_up) == 20


async def test_i20_simultaneous_sign_ups_in_two_processes_are_one_each(database_url: str) -> None:
    async with (
        open_driver(settings_for(database_url)) as first,
        open_driver(settings_for(database_url)) as second,
    ):
        parents = [await first.add_parent() for _ in range(5)]
        paths = [await first.invite(parent) for parent in parents]
        answers = await asyncio.gather(
            *(
                driver.client.post(path, data={"username": f"p{number}.{attempt}", "password": PASSWORD})
                for number, path in enumerate(paths)
                for attempt in range(5)
                for driver in (first, second)
            )
        )
        assert {answer.status_code for answer in answers} == {303}
        submitted = await first.list_emitted()
        assert sorted(str(getattr(message, "invitation_id", "")) for message in submitted) == sorted(
            str(parent.invitation_id) for parent in parents
        )
        assert len(await first.rows("SELECT 1 FROM accounts")) == 5


async def test_messages_of_one_invitation_carry_rising_versions(signup: SignupDriver) -> None:
    parent = await signup.add_parent()
    await signup.client.post(await signup.request_verification(parent))
    form = {"username": "ana.silva", "password": PASSWORD}
    await signup.client.post(await signup.invite(parent), data=form)
    rows = await signup.rows(
        "SELECT headers::jsonb ->> 'ce_aggregateversion' AS version FROM outbox ORDER BY id"
    )
    versions = [int(row.version) for row in rows]
    assert versions == sorted(set(versions))
    assert len(versions) == 2

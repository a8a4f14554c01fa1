"""Consumers take whole batches, and replicas share the work."""

import asyncio
from uuid import uuid4

from shared.contracts import invitations as facts
from shared.contracts import roster
from shared.contracts.signup import SignedUp, SignUpSubmitted
from tests.integration.signup.scene import PASSWORD, Family, Scene, link_fact, scene, settings_for

NOW = "2026-03-02T12:00:00Z"


async def test_of_several_facts_about_one_aggregate_in_a_batch_the_newest_counts(school: Scene) -> None:
    student_id = uuid4()
    names = ["First", "Second", "Third"]
    await school.feed_batch(
        *(
            roster.StudentDetailsChanged(student_id=student_id, student=roster.StudentDetails(name=name))
            for name in names
        )
    )
    (student,) = await school.rows("SELECT name, version FROM students")
    assert (student.name, student.version) == ("Third", 3)

    family = await school.family()
    family.generation = 1
    older = link_fact(facts.InvitationIssued, family, "older")
    family.generation = 2
    await school.feed_batch(older, link_fact(facts.InvitationIssued, family, "newer"))
    assert "replaced by a newer one" in (await school.client.get("/join/older")).text
    assert (await school.client.get("/join/newer")).status_code == 200


async def test_p13_a_batch_of_decisions_is_decided_whole(school: Scene) -> None:
    families = [Family(school.school_id, generation=1) for _ in range(20)]
    await school.feed_batch(
        *(link_fact(facts.VerificationRequested, one, f"v{one.parent_id}") for one in families)
    )
    pages = [await school.client.post(f"/verify/v{one.parent_id}") for one in families]
    await school.feed_batch(
        *(one.fact(facts.ContactVerified, contact_id=one.contact_id, verified_at=NOW) for one in families)
    )
    for page in pages:
        assert "is confirmed" in (await school.client.get(page.headers["location"])).text

    await school.feed_batch(
        *(link_fact(facts.InvitationIssued, one, f"j{one.parent_id}") for one in families)
    )
    for number, one in enumerate(families):
        form = {"username": f"parent{number}", "password": PASSWORD}
        assert (await school.client.post(f"/join/j{one.parent_id}", data=form)).status_code == 303
    submitted = [message for message in await school.emitted() if isinstance(message, SignUpSubmitted)]
    by_id = {one.invitation_id: one for one in families}
    decisions = [
        by_id[message.invitation_id].fact(
            facts.InvitationAccepted, submission_id=message.submission_id, accepted_at=NOW
        )
        for message in submitted
    ]
    await school.feed_batch(*decisions)
    await school.feed_batch(*decisions)
    signed_up = [message for message in await school.emitted() if isinstance(message, SignedUp)]
    assert {message.parent_id for message in signed_up} == {one.parent_id for one in families}
    assert len(signed_up) == 20


async def test_i20_simultaneous_sign_ups_over_two_replicas_are_one_each(database_url: str) -> None:
    async with scene(settings_for(database_url)) as one, scene(settings_for(database_url)) as two:
        families = [await one.family() for _ in range(5)]
        paths = [await one.invite(family) for family in families]
        answers = await asyncio.gather(
            *(
                replica.client.post(path, data={"username": f"p{number}.{attempt}", "password": PASSWORD})
                for number, path in enumerate(paths)
                for attempt in range(5)
                for replica in (one, two)
            )
        )
        assert {answer.status_code for answer in answers} == {303}
        submitted = await one.emitted()
        assert sorted(str(getattr(message, "invitation_id", "")) for message in submitted) == sorted(
            str(family.invitation_id) for family in families
        )
        assert len(await one.rows("SELECT 1 FROM accounts")) == 5


async def test_messages_of_one_invitation_carry_rising_versions(school: Scene) -> None:
    family = await school.family()
    await school.client.post(await school.ask_to_verify(family))
    form = {"username": "ana.silva", "password": PASSWORD}
    await school.client.post(await school.invite(family), data=form)
    rows = await school.rows(
        "SELECT headers::jsonb ->> 'ce_aggregateversion' AS version FROM outbox ORDER BY id"
    )
    versions = [int(row.version) for row in rows]
    assert versions == sorted(set(versions))
    assert len(versions) == 2

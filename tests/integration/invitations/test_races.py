"""Concurrent requests and events on a real database."""

from __future__ import annotations

import asyncio
from uuid import uuid4

from services.invitations.domain.models import PendingInvitation
from services.invitations.storage import pending_requests
from shared.contracts.invitations import InvitationAccepted, InvitationIssued, InvitationRefused
from shared.contracts.notifier import SendMessage
from shared.contracts.roster import InvitationRequested, ParentRemoved
from shared.contracts.signup import SignUpSubmitted
from shared.contracts.values import Channel
from tests.integration.invitations.builders import ParentRecord, submission
from tests.integration.invitations.driver import InvitationsDriver

ROUNDS = 15


async def test_i20_of_100_simultaneous_sign_ups_on_one_link_exactly_one_is_accepted(
    driver: InvitationsDriver,
) -> None:
    record = await driver.add_invited_parent()
    link = await driver.newest_link(record)
    places = asyncio.Semaphore(16)  # as many as the pool has, which lets nobody wait longer than 10 s

    async def press() -> None:
        async with places:
            await driver.consume(submission(SignUpSubmitted, link))

    await asyncio.gather(*(press() for _ in range(100)))
    assert len(await driver.emitted(InvitationAccepted)) == 1
    assert [event.reason for event in await driver.emitted(InvitationRefused)] == ["used"] * 99


async def test_i20_within_one_batch_one_of_many_is_accepted(driver: InvitationsDriver) -> None:
    record = await driver.add_invited_parent()
    link = await driver.newest_link(record)
    stale = submission(SignUpSubmitted, link, generation=7)
    await driver.consume(stale, *(submission(SignUpSubmitted, link) for _ in range(20)))
    assert len(await driver.emitted(InvitationAccepted)) == 1
    assert await driver.answer_to(stale.submission_id) == "replaced"
    assert len(await driver.emitted(InvitationRefused)) == 20


async def test_i23_a_re_invite_against_a_sign_up_leaves_one_of_two_worlds(driver: InvitationsDriver) -> None:
    for _ in range(ROUNDS):
        record = await driver.add_invited_parent()
        link = await driver.newest_link(record)
        submitted = submission(SignUpSubmitted, link)
        again, _ = await asyncio.gather(driver.invite(record), driver.consume(submitted))
        shown = await driver.show(record)
        if again.status_code == 202:
            assert await driver.answer_to(submitted.submission_id) == "replaced"
            assert (shown["status"], shown["generation"]) == ("invited", 2)
        else:
            assert again.json()["code"] == "signed_up"
            assert await driver.answer_to(submitted.submission_id) == "accepted"
            await driver.activate_account(record)
            shown = await driver.show(record)
            assert (shown["status"], shown["generation"]) == ("signed_up", 1)


async def test_i23_simultaneous_first_invitations_make_one_invitation(driver: InvitationsDriver) -> None:
    record = await driver.add_parent(verified=True)
    answers = await asyncio.gather(*(driver.invite(record) for _ in range(12)))
    accepted = [answer.json() for answer in answers if answer.status_code == 202]
    assert len({answer["invitation_id"] for answer in accepted}) == 1
    assert sorted(answer["generation"] for answer in accepted) == [1, 2]
    assert len(await driver.emitted(InvitationIssued)) == 2


async def test_i24_a_removal_against_a_sign_up_ends_without_access(driver: InvitationsDriver) -> None:
    for _ in range(ROUNDS):
        record = await driver.add_invited_parent()
        submitted = submission(SignUpSubmitted, await driver.newest_link(record))
        await asyncio.gather(
            driver.consume(ParentRemoved(parent_id=record.parent_id)), driver.consume(submitted)
        )
        assert await driver.answer_to(submitted.submission_id) in {"accepted", "no_access"}
        rows = await driver.sql(
            "SELECT status FROM invitations WHERE parent_id = :parent_id", parent_id=record.parent_id
        )
        assert rows[0].status == "blocked"
        late = submission(SignUpSubmitted, await driver.newest_link(record))
        await driver.consume(late)
        assert await driver.answer_to(late.submission_id) == "no_access"


async def test_versions_never_repeat_nor_go_back(driver: InvitationsDriver) -> None:
    record = await driver.add_invited_parent()
    link = await driver.newest_link(record)
    await asyncio.gather(
        *(driver.consume(submission(SignUpSubmitted, link)) for _ in range(10)),
        *(driver.invite(record) for _ in range(5)),
    )
    rows = await driver.sql(
        "SELECT CAST(headers AS jsonb)->>'ce_aggregateversion' AS version FROM outbox"
        " WHERE topic = 'invitations.invitation' ORDER BY id"
    )
    versions = [int(row.version) for row in rows]
    assert versions == list(range(1, len(versions) + 1))


async def test_p9_a_request_that_two_concurrent_workers_passed_over_is_fulfilled_by_the_periodic_task(
    driver: InvitationsDriver,
) -> None:
    record = ParentRecord(driver.school_id, address="a@example.org")
    async with driver.database.transaction() as tx:
        request = PendingInvitation(record.parent_id, driver.school_id, Channel.EMAIL, None, "office")
        await pending_requests.save(tx, [request])
        assert await pending_requests.take(tx, parent_ids=[record.parent_id]) == []
        await driver.consume(record.event())
    assert await driver.emitted(SendMessage) == []
    await asyncio.gather(*(driver.tasks().retry_pending_requests() for _ in range(4)))
    assert [command.template for command in await driver.emitted(SendMessage)] == ["verify"]
    assert await driver.sql("SELECT 1 FROM requested_invitations") == []
    assert (await driver.show(record))["timeline"][-1]["actor"] == "office"


async def test_a_request_whose_parent_has_not_arrived_is_kept_by_the_periodic_task(
    driver: InvitationsDriver,
) -> None:
    await driver.consume(InvitationRequested(parent_id=uuid4()))
    assert await driver.tasks().retry_pending_requests() is False
    assert len(await driver.sql("SELECT 1 FROM requested_invitations")) == 1

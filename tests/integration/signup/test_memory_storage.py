"""The storage in memory, which unit tests of use cases run on, behaves like the real one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from services.signup import storage
from services.signup.domain.accounts import NewAccount
from services.signup.domain.links import (
    InvitationState,
    Link,
    Purpose,
    Refusal,
    Submission,
    SubmissionState,
    new_submission,
)
from services.signup.domain.replicas import Invitation, IssuedLink, Parent
from shared.contracts.values import RefusalReason
from shared.runtime.database import Transaction
from tests.integration.signup.driver import SignupDriver
from tests.unit.signup.memory_storage import NOW, MemoryStorage, MemoryTransaction

MINUTE = timedelta(minutes=1)


@dataclass(slots=True)
class Implementation:
    """One of the two storages, and how a transaction on it begins."""

    storage: Any
    begin: Callable[[], AbstractAsyncContextManager[Transaction]]

    async def store_link(self, purpose: Purpose) -> Link:
        """Store a new invitation with a link of this purpose, and return the link."""
        invitation = Invitation(uuid4(), uuid4(), uuid4(), 1, 1, InvitationState.INVITED)
        issued = IssuedLink(uuid4().hex, invitation.invitation_id, 1, NOW + timedelta(days=400))
        async with self.begin() as tx:
            await self.storage.invitations.save_invitations(tx, [invitation])
            await self.storage.invitations.insert_links(tx, purpose, [issued])
            link: Link = await self.storage.invitations.find_link(tx, purpose, issued.token_digest)
        return link

    async def store_submission(self, link: Link, *, age: timedelta = timedelta(0)) -> Submission:
        """Store a pending submission on the link, made that long ago."""
        async with self.begin() as tx:
            submission = new_submission(link, uuid4(), None, tx.now - age)
            await self.storage.submissions.insert_submission(tx, submission)
        return submission


@pytest.fixture(params=["memory", "postgresql"])
async def implementation(
    request: pytest.FixtureRequest, signup: SignupDriver
) -> AsyncIterator[Implementation]:
    """Return each storage in turn."""
    if request.param == "memory":

        @asynccontextmanager
        async def begin() -> AsyncIterator[Transaction]:
            yield MemoryTransaction()

        yield Implementation(MemoryStorage(), begin)
    else:
        yield Implementation(storage, signup.database.transaction)


async def test_a_link_is_found_by_purpose_and_claimed_with_rising_versions(
    implementation: Implementation,
) -> None:
    link = await implementation.store_link(Purpose.JOIN)
    invitations = implementation.storage.invitations
    async with implementation.begin() as tx:
        assert link.current_generation == 1
        assert link.invitation_state is InvitationState.INVITED
        assert await invitations.find_link(tx, Purpose.VERIFY, link.token_digest) is None
        assert await invitations.claim_link(tx, link.token_digest) == (link, 1)
        assert await invitations.claim_message_versions(tx, [link.invitation_id]) == {link.invitation_id: 2}
        assert await invitations.claim_link(tx, link.token_digest) == (link, 3)
        assert await invitations.claim_link(tx, "unknown") is None


async def test_only_a_newer_version_of_an_invitation_is_saved(implementation: Implementation) -> None:
    link = await implementation.store_link(Purpose.JOIN)
    newer = Invitation(link.invitation_id, link.school_id, link.parent_id, 3, 2, InvitationState.EXPIRED)
    older = replace(newer, version=2, state=InvitationState.BLOCKED)
    async with implementation.begin() as tx:
        await implementation.storage.invitations.save_invitations(tx, [older, newer])
        await implementation.storage.invitations.save_invitations(tx, [older])
        stored = await implementation.storage.invitations.find_link(tx, Purpose.JOIN, link.token_digest)
    assert (stored.current_generation, stored.invitation_state) == (2, InvitationState.EXPIRED)


async def test_a_second_request_for_a_new_link_in_a_minute_is_not_claimed(
    implementation: Implementation,
) -> None:
    link = await implementation.store_link(Purpose.JOIN)
    async with implementation.begin() as tx:
        claims = [
            await implementation.storage.invitations.claim_new_link_request(tx, link.invitation_id)
            for _ in range(2)
        ]
    assert claims == [1, None]


async def test_the_pending_submission_on_a_link_is_open_before_an_accepted_one(
    implementation: Implementation,
) -> None:
    submissions = implementation.storage.submissions
    link = await implementation.store_link(Purpose.JOIN)
    first = await implementation.store_submission(link, age=MINUTE)
    async with implementation.begin() as tx:
        assert await submissions.find_open_submission(tx, link) == first
        assert await submissions.list_decided(tx, [first.submission_id]) == set()
        (accepted,) = await submissions.accept_submissions(tx, [first.submission_id])
        assert accepted == replace(first, state=SubmissionState.ACCEPTED)
        assert await submissions.find_open_submission(tx, link) == accepted
        assert await submissions.list_decided(tx, [first.submission_id]) == {first.submission_id}
        assert await submissions.find_open_submission(tx, replace(link, generation=2)) is None
    second = await implementation.store_submission(link)
    async with implementation.begin() as tx:
        assert await submissions.find_open_submission(tx, link) == second


async def test_only_pending_submissions_are_decided(implementation: Implementation) -> None:
    submissions = implementation.storage.submissions
    link = await implementation.store_link(Purpose.JOIN)
    submission = await implementation.store_submission(link)
    refusal = Refusal(submission.submission_id, RefusalReason.USED)
    async with implementation.begin() as tx:
        (refused,) = await submissions.refuse_submissions(tx, [refusal])
        assert refused == replace(submission, state=SubmissionState.REFUSED, reason=RefusalReason.USED)
        assert await submissions.accept_submissions(tx, [submission.submission_id]) == []
        assert await submissions.refuse_submissions(tx, [refusal]) == []
        assert await submissions.find_open_submission(tx, link) is None


@pytest.mark.parametrize(
    ("purpose", "generation", "is_accepted"),
    [(Purpose.VERIFY, 1, True), (Purpose.VERIFY, 2, False), (Purpose.JOIN, 1, False)],
)
async def test_verifications_are_accepted_by_invitation_and_generation(
    implementation: Implementation, purpose: Purpose, generation: int, is_accepted: bool
) -> None:
    submissions = implementation.storage.submissions
    link = await implementation.store_link(purpose)
    submission = await implementation.store_submission(link)
    async with implementation.begin() as tx:
        await submissions.accept_verifications(tx, [link.invitation_id], [generation])
        decided = await submissions.list_decided(tx, [submission.submission_id])
    assert (decided == {submission.submission_id}) is is_accepted


async def test_an_acceptance_can_be_reversed(implementation: Implementation) -> None:
    submissions = implementation.storage.submissions
    link = await implementation.store_link(Purpose.JOIN)
    submission = await implementation.store_submission(link)
    async with implementation.begin() as tx:
        accepted = await submissions.accept_submissions(tx, [submission.submission_id])
        await submissions.reverse_acceptances(tx, accepted, RefusalReason.NO_ACCESS)
        assert await submissions.find_open_submission(tx, link) is None


async def test_due_submissions_are_claimed_once(implementation: Implementation) -> None:
    submissions = implementation.storage.submissions
    links = [await implementation.store_link(Purpose.JOIN) for _ in range(3)]
    for link, age in zip(links, (MINUTE / 2, MINUTE, 2 * MINUTE), strict=True):
        await implementation.store_submission(link, age=age + timedelta(seconds=1))
    due = {link.invitation_id for link in links[1:]}
    async with implementation.begin() as tx:
        assert set(await submissions.list_due_invitations(tx, MINUTE, 10)) == due
        assert await submissions.list_due_invitations(tx, MINUTE, 1) == [links[2].invitation_id]
        claimed = await submissions.claim_due(tx, MINUTE, [link.invitation_id for link in links])
        assert {submission.invitation_id for submission in claimed} == due
        assert await submissions.claim_due(tx, MINUTE, [link.invitation_id for link in links]) == []


async def test_a_username_is_reserved_once_until_it_is_released(implementation: Implementation) -> None:
    accounts = implementation.storage.accounts
    account = NewAccount(uuid4(), "Ana", "ana", "hash", "ana")
    link = await implementation.store_link(Purpose.JOIN)
    sign_up = replace(await implementation.store_submission(link), account_id=account.account_id)
    async with implementation.begin() as tx:
        assert await accounts.reserve_account(tx, account)
        assert not await accounts.reserve_account(tx, replace(account, account_id=uuid4()))
        alike = replace(account, account_id=uuid4(), username_key="\u0430n\u0430")
        assert not await accounts.reserve_account(tx, alike)
        other = replace(alike, username_key="ben", username_skeleton=None)
        assert await accounts.reserve_account(tx, other)
        assert await accounts.find_account(tx, account.account_id) == account
        assert await accounts.find_credentials(tx, "ana") is None
        await accounts.release_accounts(tx, [sign_up])
        assert await accounts.find_account(tx, account.account_id) is None
        assert await accounts.reserve_account(tx, account)
        await accounts.activate_accounts(tx, [sign_up])
        await accounts.release_accounts(tx, [sign_up])
        assert await accounts.find_credentials(tx, "ana") == (account.account_id, "hash")


@pytest.mark.parametrize(
    ("parent", "has_access"),
    [
        (None, True),
        ({"visible_student_ids": (uuid4(),)}, True),
        ({}, False),
        ({"visible_student_ids": (uuid4(),), "removed": True}, False),
    ],
)
async def test_parents_without_access_are_returned_by_the_lock(
    implementation: Implementation, parent: dict[str, Any] | None, has_access: bool
) -> None:
    link = await implementation.store_link(Purpose.JOIN)
    sign_up = await implementation.store_submission(link)
    async with implementation.begin() as tx:
        if parent is not None:
            replica = Parent(link.parent_id, link.school_id, 1, **parent)
            await implementation.storage.parents.save_parents(tx, [replica])
        without_access = await implementation.storage.parents.lock_parents(tx, [sign_up])
    assert without_access == (set() if has_access else {link.parent_id})


async def test_results_and_memberships_are_inserted(implementation: Implementation) -> None:
    account = NewAccount(uuid4(), "Ana", "ana", "hash", "ana")
    link = await implementation.store_link(Purpose.JOIN)
    submission = await implementation.store_submission(link)
    async with implementation.begin() as tx:
        await implementation.storage.accounts.reserve_account(tx, account)
        await implementation.storage.memberships.insert_memberships(
            tx, [replace(submission, account_id=account.account_id)]
        )
        await implementation.storage.results.insert_result(
            tx, "digest", submission.submission_id, first_attempt=True
        )


async def test_failed_attempts_are_counted_per_client(implementation: Implementation) -> None:
    attempts = implementation.storage.failed_attempts
    async with implementation.begin() as tx:
        assert await attempts.count_failed_attempts(tx, "client") == 0
        await attempts.add_failed_attempts(tx, "client")
        await attempts.add_failed_attempts(tx, "client", by=2)
        await attempts.add_failed_attempts(tx, "client", by=-1)
        await attempts.add_failed_attempts(tx, "another client")
        assert await attempts.count_failed_attempts(tx, "client") == 2

"""Apply decisions of the invitations service."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from services.signup.domain.links import InvitationState, Link, Refusal, SubmissionState
from services.signup.domain.replicas import Parent
from services.signup.use_cases.apply_decisions import (
    accept_verifications,
    complete_sign_ups,
    refuse_submissions,
)
from services.signup.use_cases.submit_on_link import Submitted
from services.signup.use_cases.submit_sign_up import submit_sign_up
from services.signup.use_cases.submit_verification import submit_verification
from shared.contracts.signup import SignedUp
from shared.contracts.values import RefusalReason
from tests.unit.signup.builders import invitation_of
from tests.unit.signup.memory_storage import NOW, MemoryStorage, MemoryTransaction


async def _sign_up(link: Link) -> UUID:
    outcome = await submit_sign_up(MemoryTransaction(), link, "ana.silva", "ana.silva", "hash")
    assert isinstance(outcome, Submitted)
    return outcome.submission_id


async def test_a_verified_contact_accepts_its_pending_verification(
    storage: MemoryStorage, tx: MemoryTransaction, verify_link: Link
) -> None:
    await submit_verification(tx, verify_link)
    verified = invitation_of(verify_link, InvitationState.VERIFIED, version=2)
    await accept_verifications(tx, [verified])
    assert storage.invitations.saved[verify_link.invitation_id] == verified
    assert [row.state for row in storage.submissions.rows.values()] == [SubmissionState.ACCEPTED]


async def test_i20_an_accepted_sign_up_opens_the_account_once(
    storage: MemoryStorage, tx: MemoryTransaction, join_link: Link
) -> None:
    submission_id = await _sign_up(join_link)
    accepted = invitation_of(join_link, InvitationState.SIGNED_UP, version=2)
    for _ in range(2):
        await complete_sign_ups(tx, [accepted], [submission_id])
    (account_id,) = storage.accounts.rows
    assert storage.accounts.active == {account_id}
    assert [membership.parent_id for membership in storage.memberships.rows] == [join_link.parent_id]
    assert tx.emitted == [
        SignedUp(
            account_id=account_id,
            parent_id=join_link.parent_id,
            invitation_id=join_link.invitation_id,
            signed_up_at=NOW,
        )
    ]


@pytest.mark.parametrize("removed", [True, False])
async def test_i24_a_parent_without_access_gets_no_account(
    storage: MemoryStorage, tx: MemoryTransaction, join_link: Link, *, removed: bool
) -> None:
    submission_id = await _sign_up(join_link)
    students = (uuid4(),) if removed else ()
    without_access = Parent(
        join_link.parent_id, join_link.school_id, 1, visible_student_ids=students, removed=removed
    )
    storage.parents.saved[join_link.parent_id] = without_access
    accepted = invitation_of(join_link, InvitationState.SIGNED_UP, version=2)
    await complete_sign_ups(tx, [accepted], [submission_id])
    submission = storage.submissions.rows[submission_id]
    assert (submission.state, submission.reason) == (SubmissionState.REFUSED, RefusalReason.NO_ACCESS)
    assert not storage.accounts.rows
    assert not storage.memberships.rows
    assert not tx.emitted


async def test_a_refusal_releases_the_username(
    storage: MemoryStorage, tx: MemoryTransaction, join_link: Link
) -> None:
    submission_id = await _sign_up(join_link)
    await refuse_submissions(tx, [Refusal(submission_id, RefusalReason.EXPIRED)])
    submission = storage.submissions.rows[submission_id]
    assert (submission.state, submission.reason) == (SubmissionState.REFUSED, RefusalReason.EXPIRED)
    assert not storage.accounts.rows


async def test_a_refusal_after_the_acceptance_changes_nothing(
    storage: MemoryStorage, tx: MemoryTransaction, join_link: Link
) -> None:
    submission_id = await _sign_up(join_link)
    accepted = invitation_of(join_link, InvitationState.SIGNED_UP, version=2)
    await complete_sign_ups(tx, [accepted], [submission_id])
    await refuse_submissions(tx, [Refusal(submission_id, RefusalReason.USED)])
    assert storage.submissions.rows[submission_id].state is SubmissionState.ACCEPTED
    assert len(storage.accounts.rows) == 1

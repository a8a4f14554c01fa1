"""Submit a verification."""

from __future__ import annotations

from datetime import timedelta

from services.signup.domain.links import InvitationState, Link, LinkState
from services.signup.use_cases.submit_on_link import DeadLink, Submitted
from services.signup.use_cases.submit_verification import submit_verification
from shared.contracts.signup import VerificationSubmitted
from shared.runtime.core import token_digest
from tests.unit.signup.builders import set_state
from tests.unit.signup.memory_storage import NOW, MemoryStorage, MemoryTransaction


async def test_p12_a_submission_is_stored_and_its_event_emitted(
    storage: MemoryStorage, tx: MemoryTransaction, verify_link: Link
) -> None:
    outcome = await submit_verification(tx, verify_link)
    assert isinstance(outcome, Submitted)
    (submission,) = storage.submissions.rows.values()
    assert submission.submission_id == outcome.submission_id
    assert submission.account_id is None
    assert tx.emitted == [
        VerificationSubmitted(
            submission_id=outcome.submission_id,
            invitation_id=verify_link.invitation_id,
            generation=1,
            submitted_at=NOW,
        )
    ]
    assert storage.results.rows == {token_digest(outcome.result_secret): (outcome.submission_id, True)}


async def test_a_second_submission_joins_the_first(
    storage: MemoryStorage, tx: MemoryTransaction, verify_link: Link
) -> None:
    first, second = await submit_verification(tx, verify_link), await submit_verification(tx, verify_link)
    assert isinstance(first, Submitted)
    assert isinstance(second, Submitted)
    assert first.submission_id == second.submission_id
    assert first.result_secret != second.result_secret
    assert len(storage.results.rows) == 2
    assert len(tx.emitted) == 1


async def test_a_dead_link_takes_no_submission(
    storage: MemoryStorage, tx: MemoryTransaction, verify_link: Link
) -> None:
    set_state(storage, verify_link, InvitationState.WITHDRAWN)
    outcome = await submit_verification(tx, verify_link)
    assert isinstance(outcome, DeadLink)
    assert outcome.state is LinkState.WITHDRAWN
    assert outcome.link.invitation_state is InvitationState.WITHDRAWN
    assert not storage.submissions.rows
    assert not tx.emitted


async def test_p3_the_link_expires_at_the_time_of_the_transaction(
    storage: MemoryStorage, verify_link: Link
) -> None:
    in_time = MemoryTransaction(verify_link.expires_at)
    too_late = MemoryTransaction(verify_link.expires_at + timedelta(microseconds=1))
    assert isinstance(await submit_verification(too_late, verify_link), DeadLink)
    assert isinstance(await submit_verification(in_time, verify_link), Submitted)


async def test_a_link_that_was_deleted_is_unknown(
    storage: MemoryStorage, tx: MemoryTransaction, verify_link: Link
) -> None:
    storage.invitations.links.clear()
    assert await submit_verification(tx, verify_link) == DeadLink(verify_link, LinkState.UNKNOWN)

"""Submit a sign-up."""

from __future__ import annotations

import pytest

from services.signup.domain.links import InvitationState, Link, Purpose
from services.signup.use_cases.submit_on_link import DeadLink, Submitted
from services.signup.use_cases.submit_sign_up import (
    RepeatedSignUp,
    UsernameTaken,
    join_earlier_sign_up,
    submit_sign_up,
)
from shared.contracts.signup import SignUpSubmitted
from shared.runtime.core import token_digest
from tests.unit.signup.builders import set_state, store_link
from tests.unit.signup.memory_storage import NOW, MemoryStorage, MemoryTransaction


async def test_a_sign_up_reserves_the_username_and_emits_its_event(
    storage: MemoryStorage, tx: MemoryTransaction, join_link: Link
) -> None:
    outcome = await submit_sign_up(tx, join_link, " Ana.Silva ", "ana.silva", "hash")
    assert isinstance(outcome, Submitted)
    (account,) = storage.accounts.rows.values()
    assert (account.username, account.username_key, account.password_hash) == (
        "Ana.Silva",
        "ana.silva",
        "hash",
    )
    (submission,) = storage.submissions.rows.values()
    assert submission.account_id == account.account_id
    assert tx.emitted == [
        SignUpSubmitted(
            submission_id=outcome.submission_id,
            invitation_id=join_link.invitation_id,
            generation=1,
            submitted_at=NOW,
        )
    ]
    assert not storage.accounts.active


async def test_i20_a_second_sign_up_on_the_link_changes_nothing(
    storage: MemoryStorage, tx: MemoryTransaction, join_link: Link
) -> None:
    await submit_sign_up(tx, join_link, "ana.silva", "ana.silva", "hash")
    outcome = await submit_sign_up(tx, join_link, "somebody.else", "somebody.else", "another hash")
    (account,) = storage.accounts.rows.values()
    (submission,) = storage.submissions.rows.values()
    assert outcome == RepeatedSignUp(submission, account)
    assert len(tx.emitted) == 1
    assert len(storage.results.rows) == 1


@pytest.mark.parametrize("same_person", [True, False])
async def test_i20_only_the_same_person_gets_a_page_of_the_first_attempt(
    storage: MemoryStorage, tx: MemoryTransaction, join_link: Link, *, same_person: bool
) -> None:
    await submit_sign_up(tx, join_link, "ana.silva", "ana.silva", "hash")
    earlier = await submit_sign_up(tx, join_link, "ana.silva", "ana.silva", "hash")
    assert isinstance(earlier, RepeatedSignUp)
    joined = await join_earlier_sign_up(tx, earlier, same_person=same_person)
    expected = (earlier.submission.submission_id, same_person)
    assert storage.results.rows[token_digest(joined.result_secret)] == expected


async def test_a_username_that_is_reserved_is_taken_on_every_link(
    storage: MemoryStorage, tx: MemoryTransaction, join_link: Link
) -> None:
    await submit_sign_up(tx, store_link(storage, Purpose.JOIN), "ANA.Silva", "ana.silva", "hash")
    assert await submit_sign_up(tx, join_link, "ana.silva", "ana.silva", "hash") == UsernameTaken()
    assert len(storage.submissions.rows) == len(tx.emitted) == 1


async def test_a_dead_link_reserves_no_username(
    storage: MemoryStorage, tx: MemoryTransaction, join_link: Link
) -> None:
    set_state(storage, join_link, InvitationState.SIGNED_UP)
    assert isinstance(await submit_sign_up(tx, join_link, "ana.silva", "ana.silva", "hash"), DeadLink)
    assert not storage.accounts.rows

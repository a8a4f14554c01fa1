"""Submissions whose decision is missing are sent again."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from services.signup.use_cases.resend_submissions import resend_submissions
from shared.contracts import invitations
from shared.contracts.signup import SignedUp, SignUpSubmitted, VerificationSubmitted
from tests.integration.signup.driver import PASSWORD, SignupDriver

FORM = {"username": "ana.silva", "password": PASSWORD}


async def _resend(signup: SignupDriver, limit: int = 100) -> bool:
    async with signup.database.transaction() as tx:
        return await resend_submissions(tx, timedelta(seconds=60), limit)


async def _count_messages(signup: SignupDriver) -> int:
    return len(await signup.rows("SELECT 1 FROM outbox"))


async def test_a_parked_verification_is_sent_again_until_it_is_decided(signup: SignupDriver) -> None:
    parent = await signup.add_parent()
    await signup.client.post(await signup.request_verification(parent))
    assert await _resend(signup) is False
    assert await _count_messages(signup) == 1
    await signup.age_submissions(minutes=1)
    await _resend(signup)
    first, again = await signup.list_emitted()
    assert isinstance(first, VerificationSubmitted)
    assert again == first.model_copy(update={"submitted_at": first.submitted_at - timedelta(minutes=1)})
    rows = await signup.rows("SELECT message_id, headers::jsonb ->> 'ce_aggregateversion' AS v FROM outbox")
    assert len({row.message_id for row in rows}) == 2
    assert sorted(int(row.v) for row in rows) == [1, 2]
    verified = parent.event(
        invitations.ContactVerified, contact_id=parent.contact_id, verified_at=datetime.now(UTC)
    )
    await signup.consume(verified)
    await signup.age_submissions(minutes=600)
    await _resend(signup)
    assert await _count_messages(signup) == 2


async def test_a_lost_acceptance_that_comes_at_last_opens_the_reserved_account(signup: SignupDriver) -> None:
    parent = await signup.add_parent()
    path = await signup.invite(parent)
    answer = await signup.client.post(path, data=FORM)
    await signup.age_submissions(minutes=2)
    await signup.client.post(path, data=FORM)
    await _resend(signup)
    first, again = await signup.list_emitted()
    assert isinstance(again, SignUpSubmitted)
    assert again.submission_id == getattr(first, "submission_id")  # noqa: B009
    await signup.accept(parent, again.submission_id)
    assert "You are signed up" in (await signup.client.get(answer.headers["location"])).text
    assert [type(event) for event in await signup.list_emitted()][-1] is SignedUp


@pytest.mark.parametrize(
    ("submitted", "resent", "due"),
    [
        (0.5, None, False),
        (1.5, None, True),
        (9, 4, False),
        (9, 5, True),
        (3 * 24 * 60, 5 * 60, False),
        (3 * 24 * 60, 7 * 60, True),
    ],
)
async def test_each_pause_is_as_long_as_all_before_up_to_six_hours(
    signup: SignupDriver, submitted: float, resent: float | None, due: bool
) -> None:
    """`submitted` and `resent` are ages in minutes."""
    await signup.client.post(await signup.request_verification(await signup.add_parent()))
    async with signup.database.transaction() as tx:
        moments = {
            "submitted": tx.now - timedelta(minutes=submitted),
            "resent": None if resent is None else tx.now - timedelta(minutes=resent),
        }
        await tx.execute("UPDATE submissions SET submitted_at = :submitted", moments)
        await tx.execute("UPDATE submissions SET asked_again_at = :resent", moments)
    await _resend(signup)
    assert (await _count_messages(signup) == 2) is due


async def test_two_processes_resend_once_and_a_batch_has_its_limit(signup: SignupDriver) -> None:
    for _ in range(5):
        await signup.client.post(await signup.request_verification(await signup.add_parent()))
    await signup.age_submissions(minutes=1)
    await asyncio.gather(*(_resend(signup) for _ in range(4)))
    assert await _count_messages(signup) == 10
    await signup.age_submissions(minutes=5)
    assert await _resend(signup, limit=3) is True
    assert await _resend(signup, limit=3) is False
    assert await _count_messages(signup) == 15

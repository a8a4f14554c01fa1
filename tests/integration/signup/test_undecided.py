"""Decisions that do not come are asked for again."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from services.signup.service.ask_again import ask_again
from shared.contracts import invitations as facts
from shared.contracts.signup import SignedUp, SignUpSubmitted, VerificationSubmitted
from tests.integration.signup.scene import PASSWORD, Scene

FORM = {"username": "ana.silva", "password": PASSWORD}


async def _ask(school: Scene, limit: int = 100) -> bool:
    async with school.database.transaction() as transaction:
        return await ask_again(transaction, timedelta(seconds=60), limit)


async def _sent(school: Scene) -> int:
    return len(await school.rows("SELECT 1 FROM outbox"))


async def test_a_parked_verification_is_sent_again_until_it_is_decided(school: Scene) -> None:
    family = await school.family()
    await school.client.post(await school.ask_to_verify(family))
    assert await _ask(school) is False
    assert await _sent(school) == 1
    await school.age_submissions(minutes=1)
    await _ask(school)
    first, again = await school.emitted()
    assert isinstance(first, VerificationSubmitted)
    assert again == first.model_copy(update={"submitted_at": first.submitted_at - timedelta(minutes=1)})
    rows = await school.rows("SELECT message_id, headers::jsonb ->> 'ce_aggregateversion' AS v FROM outbox")
    assert len({row.message_id for row in rows}) == 2
    assert sorted(int(row.v) for row in rows) == [1, 2]
    verified = family.fact(facts.ContactVerified, contact_id=family.contact_id, verified_at=datetime.now(UTC))
    await school.feed(verified)
    await school.age_submissions(minutes=600)
    await _ask(school)
    assert await _sent(school) == 2


async def test_a_lost_acceptance_that_comes_at_last_opens_the_reserved_account(school: Scene) -> None:
    family = await school.family()
    path = await school.invite(family)
    answer = await school.client.post(path, data=FORM)
    await school.age_submissions(minutes=2)
    await school.client.post(path, data=FORM)
    await _ask(school)
    first, again = await school.emitted()
    assert isinstance(again, SignUpSubmitted)
    assert again.submission_id == getattr(first, "submission_id")  # noqa: B009
    await school.accept(family, again.submission_id)
    assert "You are signed up" in (await school.client.get(answer.headers["location"])).text
    assert [type(one) for one in await school.emitted()][-1] is SignedUp


@pytest.mark.parametrize(
    ("submitted", "asked", "due"),
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
    school: Scene, submitted: float, asked: float | None, due: bool
) -> None:
    """`submitted` and `asked` are minutes ago."""
    await school.client.post(await school.ask_to_verify(await school.family()))
    async with school.database.transaction() as transaction:
        moments = {
            "submitted": transaction.now - timedelta(minutes=submitted),
            "asked": None if asked is None else transaction.now - timedelta(minutes=asked),
        }
        await transaction.execute("UPDATE submissions SET submitted_at = :submitted", moments)
        await transaction.execute("UPDATE submissions SET asked_again_at = :asked", moments)
    await _ask(school)
    assert (await _sent(school) == 2) is due


async def test_two_replicas_ask_once_and_a_batch_has_its_limit(school: Scene) -> None:
    for _ in range(5):
        await school.client.post(await school.ask_to_verify(await school.family()))
    await school.age_submissions(minutes=1)
    await asyncio.gather(*(_ask(school) for _ in range(4)))
    assert await _sent(school) == 10
    await school.age_submissions(minutes=5)
    assert await _ask(school, limit=3) is True
    assert await _ask(school, limit=3) is False
    assert await _sent(school) == 15

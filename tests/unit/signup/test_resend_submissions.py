"""Resend submissions."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.signup.domain.links import Link, Purpose
from services.signup.use_cases.resend_submissions import resend_submissions
from services.signup.use_cases.submit_sign_up import submit_sign_up
from services.signup.use_cases.submit_verification import submit_verification
from tests.unit.signup.builders import store_link
from tests.unit.signup.memory_storage import NOW, MemoryStorage, MemoryTransaction

MINUTE = timedelta(minutes=1)


async def test_due_submissions_are_emitted_again_unchanged(
    storage: MemoryStorage, tx: MemoryTransaction, verify_link: Link, join_link: Link
) -> None:
    await submit_verification(tx, verify_link)
    await submit_sign_up(tx, join_link, "ana.silva", "ana.silva", "hash")
    later = MemoryTransaction(NOW + MINUTE)
    assert await resend_submissions(later, MINUTE, limit=10) is False
    assert sorted(later.emitted, key=repr) == sorted(tx.emitted, key=repr)
    assert later.versions == [2, 2]


async def test_nothing_is_emitted_before_the_first_pause(
    storage: MemoryStorage, tx: MemoryTransaction, verify_link: Link
) -> None:
    await submit_verification(tx, verify_link)
    early = MemoryTransaction(NOW + MINUTE - timedelta(microseconds=1))
    assert await resend_submissions(early, MINUTE, limit=10) is False
    assert not early.emitted


@pytest.mark.parametrize(("limit", "expected"), [(2, True), (3, True), (4, False)])
async def test_more_may_be_due_after_a_full_batch(
    storage: MemoryStorage, tx: MemoryTransaction, limit: int, expected: bool
) -> None:
    for _ in range(3):
        await submit_verification(tx, store_link(storage, Purpose.VERIFY))
    later = MemoryTransaction(NOW + MINUTE)
    assert await resend_submissions(later, MINUTE, limit=limit) is expected
    assert len(later.emitted) == min(limit, 3)

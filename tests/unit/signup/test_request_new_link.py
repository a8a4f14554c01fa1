"""Request a new link."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.signup.domain.links import InvitationState, Link
from services.signup.use_cases.request_new_link import request_new_link
from shared.contracts.signup import FreshLinkRequested
from tests.unit.signup.builders import set_state
from tests.unit.signup.memory_storage import NOW, MemoryStorage, MemoryTransaction


async def test_a_dead_link_requests_a_new_one(
    storage: MemoryStorage, tx: MemoryTransaction, join_link: Link
) -> None:
    set_state(storage, join_link, InvitationState.EXPIRED)
    await request_new_link(tx, join_link)
    assert tx.emitted == [
        FreshLinkRequested(invitation_id=join_link.invitation_id, generation=1, requested_at=NOW)
    ]


@pytest.mark.parametrize(
    "state", [InvitationState.INVITED, InvitationState.SIGNED_UP, InvitationState.BLOCKED]
)
async def test_no_new_link_is_requested_where_none_can_help(
    storage: MemoryStorage, tx: MemoryTransaction, join_link: Link, state: InvitationState
) -> None:
    set_state(storage, join_link, state)
    await request_new_link(tx, join_link)
    assert not tx.emitted


async def test_requests_are_limited_to_one_a_minute(storage: MemoryStorage, join_link: Link) -> None:
    set_state(storage, join_link, InvitationState.EXPIRED)
    seconds = (0, 30, 60, 61)
    transactions = [MemoryTransaction(NOW + timedelta(seconds=second)) for second in seconds]
    for transaction in transactions:
        await request_new_link(transaction, join_link)
    assert [len(transaction.emitted) for transaction in transactions] == [1, 0, 0, 1]


async def test_a_deleted_link_requests_nothing(
    storage: MemoryStorage, tx: MemoryTransaction, join_link: Link
) -> None:
    storage.invitations.links.clear()
    await request_new_link(tx, join_link)
    assert not tx.emitted

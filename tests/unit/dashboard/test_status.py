"""Actions, the confirmation of a re-invite, and the sort key."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.dashboard.domain.status import Action, choose_action, needs_confirmation
from services.dashboard.domain.status_sort_key import STATUS_AND_DELIVERY, list_sort_keys
from shared.contracts.values import Delivery, InvitationStatus
from tests.unit.dashboard.builders import START


@pytest.mark.parametrize(
    ("status", "action"),
    [
        (InvitationStatus.NOT_INVITED, Action.INVITE),
        (InvitationStatus.AWAITING_VERIFICATION, Action.RE_INVITE),
        (InvitationStatus.INVITED, Action.RE_INVITE),
        (InvitationStatus.EXPIRED, Action.RE_INVITE),
        (InvitationStatus.WITHDRAWN, Action.RE_INVITE),
        (InvitationStatus.SIGNED_UP, Action.SIGNED_UP),
        (InvitationStatus.DECLINED, None),
        (InvitationStatus.BLOCKED, None),
    ],
)
def test_p26_status_words(status: InvitationStatus, action: Action | None) -> None:
    assert choose_action(status) is action
    if status is not InvitationStatus.BLOCKED:
        assert choose_action(status, has_access=True) is action


def test_a_blocked_parent_who_has_access_again_can_be_invited() -> None:
    assert choose_action(InvitationStatus.BLOCKED, has_access=True) is Action.RE_INVITE


def test_a_re_invite_within_a_day_needs_confirmation() -> None:
    assert not needs_confirmation(None, START)
    assert needs_confirmation(START, START)
    assert needs_confirmation(START, START + timedelta(hours=24) - timedelta(seconds=1))
    assert not needs_confirmation(START, START + timedelta(hours=24))


def test_sort_keys_are_stored_so_they_never_change() -> None:
    statuses = [
        *("not_invited", "awaiting_verification", "invited", "signed_up"),
        *("declined", "expired", "withdrawn", "blocked"),
    ]
    deliveries = [
        *(None, "queued", "deferred", "sent", "delivered"),
        *("failed_temporary", "failed_permanent", "suppressed", "unknown", "printed"),
    ]
    assert {
        16 * status_code + delivery_code: (status, delivery)
        for status_code, status in enumerate(statuses)
        for delivery_code, delivery in enumerate(deliveries)
    } == STATUS_AND_DELIVERY


def test_a_filter_selects_sort_keys() -> None:
    assert list_sort_keys(InvitationStatus.INVITED, Delivery.SENT) == [35]
    assert list_sort_keys(InvitationStatus.NOT_INVITED) == list(range(10))
    assert list_sort_keys(delivery=Delivery.PRINTED) == [16 * status_code + 9 for status_code in range(8)]
    assert list_sort_keys() == list(STATUS_AND_DELIVERY)

"""Merging of projections: every order of events ends in the same row."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.dashboard import consumers
from services.dashboard.domain.parent_projection import (
    STAGE_OF_TEMPLATE,
    Contact,
    InvitationState,
    ParentProjection,
    Person,
    choose_newer,
    choose_shown_retry,
    classify_failure,
    merge,
    merge_all,
)
from services.dashboard.use_cases.projection import ProjectionUpdate
from shared.contracts import invitations, notifier, roster, signup
from shared.contracts.envelope import Received
from shared.contracts.values import ContactKind, Delivery, Template
from tests.unit.dashboard.builders import START, Story

STORY = Story()
DECODERS: dict[type, Callable[[Any], ProjectionUpdate]] = {
    roster.ParentAdded: consumers.decode_parent,
    roster.ParentAccessChanged: consumers.decode_parent,
    roster.ParentContactChanged: consumers.decode_parent,
    roster.ParentRenamed: consumers.decode_parent,
    invitations.VerificationRequested: consumers.decode_link,
    invitations.ContactVerified: partial(consumers.decode_progress, state=InvitationState.VERIFIED),
    invitations.InvitationIssued: consumers.decode_link,
    invitations.InvitationRefused: consumers.decode_refusal,
    invitations.InvitationAccepted: partial(consumers.decode_progress, state=InvitationState.ACCEPTED),
    notifier.MessageSent: partial(consumers.decode_delivery, delivery=Delivery.SENT),
    notifier.MessageDelivered: partial(consumers.decode_delivery, delivery=Delivery.DELIVERED),
    notifier.MessageFailed: consumers.decode_failure,
    signup.SignedUp: consumers.decode_signed_up,
}


def decode_all(events: list[Received[Any]]) -> list[ParentProjection]:
    """Return the projections of those events that are about a parent."""
    return [DECODERS[type(event.data)](event).parent for event in events if type(event.data) in DECODERS]


IN_ORDER = decode_all(STORY.all())


@given(st.permutations(IN_ORDER))
def test_every_permutation_of_a_parents_events_ends_in_the_same_row(rows: list[ParentProjection]) -> None:
    assert merge_all(rows) == merge_all(IN_ORDER)


@given(st.lists(st.sampled_from(IN_ORDER), min_size=1, max_size=40), st.randoms())
def test_events_received_twice_or_left_out_still_end_the_same_in_any_order(
    rows: list[ParentProjection], random: Any
) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert merge_all(shuffled) == merge_all(rows)


@given(*(st.sampled_from(IN_ORDER) for _ in range(3)))
def test_merging_is_associative_commutative_and_idempotent(
    a: ParentProjection, b: ParentProjection, c: ParentProjection
) -> None:
    assert merge(a, b) == merge(b, a)
    assert merge(merge(a, b), c) == merge(a, merge(b, c))
    assert merge(a, a) == a


def test_p14_the_story_ends_with_the_account_the_newest_name_and_delivery() -> None:
    [parent] = merge_all(IN_ORDER)
    assert parent.account is not None
    assert parent.progress is not None
    assert parent.progress.state is InvitationState.ACCEPTED
    assert parent.outcome is not None
    assert parent.outcome.delivery is Delivery.DELIVERED
    assert parent.person is not None
    assert parent.person.name == STORY.name
    assert parent.confirmed == {STORY.contact_id}
    assert [link.student_id for link in parent.person.links] == [STORY.student_id]


def test_events_before_the_parents_own_make_a_stub() -> None:
    [stub] = merge_all(decode_all(list(STORY.invitations())))
    assert stub.person is None
    [parent] = merge_all([stub, *decode_all(list(STORY.roster()))])
    assert parent.person is not None
    assert not parent.person.removed
    assert parent.progress == stub.progress


def test_a_late_outcome_of_an_older_message_does_not_show() -> None:
    [parent] = merge_all(decode_all([*STORY.roster(), *STORY.invitations()[:2], *STORY.notifier()[:1]]))
    assert parent.outcome is not None
    assert parent.outcome.delivery is Delivery.QUEUED


def test_rows_come_in_the_order_in_which_they_are_locked() -> None:
    parents = [ParentProjection(Story().school_id, Story().parent_id) for _ in range(50)]
    rows = merge_all(parents)
    assert [(row.school_id, row.parent_id) for row in rows] == sorted(
        (parent.school_id, parent.parent_id) for parent in parents
    )


@pytest.mark.parametrize(
    ("code", "permanent", "delivery"),
    [
        ("451", False, Delivery.FAILED_TEMPORARY),
        ("opted_out", False, Delivery.FAILED_TEMPORARY),
        ("550", True, Delivery.FAILED_PERMANENT),
        ("opted_out", True, Delivery.SUPPRESSED),
    ],
)
def test_a_failure_is_temporary_permanent_or_an_opt_out(
    code: str, permanent: bool, delivery: Delivery
) -> None:
    assert classify_failure(code, permanent=permanent) is delivery


def test_a_retry_is_shown_if_it_is_at_least_ten_minutes_away() -> None:
    in_ten_minutes = START + timedelta(minutes=10)
    assert choose_shown_retry(START, in_ten_minutes) == in_ten_minutes
    assert choose_shown_retry(START, in_ten_minutes - timedelta(seconds=1)) is None
    assert choose_shown_retry(START, None) is None


def test_stages_are_stored_so_their_numbers_never_change() -> None:
    assert {template: int(stage) for template, stage in STAGE_OF_TEMPLATE.items()} == {
        Template.VERIFY: 1,
        Template.VERIFY_REMINDER: 2,
        Template.INVITE: 3,
        Template.INVITE_REMINDER: 4,
    }


def test_of_two_groups_the_greater_rank_wins_and_of_equals_the_first() -> None:
    older, newer, same = Person(1, "Amal"), Person(2, "Amal"), Person(2, "Bo")
    assert choose_newer(older, newer) is newer
    assert choose_newer(newer, older) is newer
    assert choose_newer(newer, same) is newer
    assert choose_newer(None, older) is older
    assert choose_newer(older, None) is older
    assert choose_newer(None, None) is None


def test_a_new_contact_is_neither_preferred_nor_verified() -> None:
    contact = Contact(STORY.contact_id, ContactKind.EMAIL, STORY.address)
    assert not contact.preferred
    assert not contact.verified
    assert not Person(1).removed

"""The delivery axis under late, repeated and shuffled outcomes."""

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.invitations.domain.delivery import Outcome, advance, advances, furthest
from services.invitations.domain.states import Delivery
from tests.unit.invitations.values import last_message

FINAL = [
    Delivery.DELIVERED,
    Delivery.FAILED_PERMANENT,
    Delivery.SUPPRESSED,
    Delivery.PRINTED,
]


@pytest.mark.parametrize("final", FINAL)
@pytest.mark.parametrize("later", list(Delivery))
def test_final_states_stay(final: Delivery, later: Delivery) -> None:
    assert not advances(final, later)


@pytest.mark.parametrize("later", list(Delivery))
def test_an_unknown_outcome_gives_way_to_a_known_one_only(later: Delivery) -> None:
    assert advances(Delivery.UNKNOWN, later) == (later in FINAL)


def test_c14_a_bounce_after_the_hand_over_is_a_failure_with_its_reason() -> None:
    sent = last_message()
    for delivery in (Delivery.SENT, Delivery.FAILED_PERMANENT):
        moved = advance(sent, Outcome(sent.message_id, sent.invitation_id, delivery, "No such mailbox."))
        assert moved is not None
        sent = moved
    assert sent.delivery is Delivery.FAILED_PERMANENT
    assert sent.delivery_reason == "No such mailbox."


def test_s6_a_hard_bounce_stops_the_reminders() -> None:
    sent = last_message()
    assert sent.reminds
    moved = advance(sent, Outcome(sent.message_id, sent.invitation_id, Delivery.FAILED_PERMANENT))
    assert moved is not None
    assert not moved.reminds


def test_an_outcome_of_an_older_message_changes_nothing() -> None:
    sent = last_message()
    assert advance(sent, Outcome(uuid4(), sent.invitation_id, Delivery.DELIVERED)) is None


@given(st.lists(st.sampled_from(list(Delivery)), min_size=1, max_size=12), st.integers(0, 12))
def test_however_outcomes_are_cut_into_batches_the_end_is_the_same(kinds: list[Delivery], cut: int) -> None:
    sent = last_message()
    about = [Outcome(sent.message_id, sent.invitation_id, kind) for kind in kinds]
    one_by_one = sent
    for outcome in about:
        moved = advance(one_by_one, outcome)
        one_by_one = moved or one_by_one
    in_batches = sent
    for batch in (about[:cut], about[cut:]):
        moved = advance(in_batches, furthest(batch)) if batch else None
        in_batches = moved or in_batches
    assert in_batches.delivery is one_by_one.delivery

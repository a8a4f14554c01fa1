"""Delivery under late, repeated and shuffled delivery reports."""

from __future__ import annotations

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.invitations.domain.delivery import DeliveryReport, advance, advances, furthest
from shared.contracts.values import Delivery
from tests.unit.invitations.builders import last_message

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
def test_an_unknown_delivery_gives_way_to_a_known_one_only(later: Delivery) -> None:
    assert advances(Delivery.UNKNOWN, later) == (later in FINAL)


def test_c14_a_bounce_after_the_hand_over_is_a_failure_with_its_reason() -> None:
    sent = last_message()
    for delivery in (Delivery.SENT, Delivery.FAILED_PERMANENT):
        moved = advance(
            sent, DeliveryReport(sent.message_id, sent.invitation_id, delivery, "No such mailbox.")
        )
        assert moved is not None
        sent = moved
    assert sent.delivery is Delivery.FAILED_PERMANENT
    assert sent.delivery_reason == "No such mailbox."


def test_s6_a_hard_bounce_stops_the_reminders() -> None:
    sent = last_message()
    assert sent.reminds
    moved = advance(sent, DeliveryReport(sent.message_id, sent.invitation_id, Delivery.FAILED_PERMANENT))
    assert moved is not None
    assert not moved.reminds


def test_a_report_about_an_older_message_changes_nothing() -> None:
    sent = last_message()
    assert advance(sent, DeliveryReport(uuid4(), sent.invitation_id, Delivery.DELIVERED)) is None


@given(st.lists(st.sampled_from(list(Delivery)), min_size=1, max_size=12), st.integers(0, 12))
def test_however_reports_are_cut_into_batches_the_end_is_the_same(kinds: list[Delivery], cut: int) -> None:
    sent = last_message()
    reports = [DeliveryReport(sent.message_id, sent.invitation_id, kind) for kind in kinds]
    one_by_one = sent
    for report in reports:
        moved = advance(one_by_one, report)
        one_by_one = moved or one_by_one
    in_batches = sent
    for batch in (reports[:cut], reports[cut:]):
        moved = advance(in_batches, furthest(batch)) if batch else None
        in_batches = moved or in_batches
    assert in_batches.delivery is one_by_one.delivery


TRANSIENT = [Delivery.DEFERRED, Delivery.FAILED_TEMPORARY, Delivery.SENT]


@pytest.mark.parametrize("present", TRANSIENT)
@pytest.mark.parametrize("later", list(Delivery))
def test_a_transient_delivery_gives_way_to_any_other_but_queued(present: Delivery, later: Delivery) -> None:
    assert advances(present, later) == (later not in {present, Delivery.QUEUED})


@pytest.mark.parametrize("later", list(Delivery))
def test_a_queued_message_gives_way_to_everything_else(later: Delivery) -> None:
    assert advances(Delivery.QUEUED, later) == (later is not Delivery.QUEUED)


@pytest.mark.parametrize("later", [delivery for delivery in Delivery if delivery is not Delivery.QUEUED])
def test_only_an_undeliverable_address_stops_the_reminders(later: Delivery) -> None:
    sent = last_message()
    moved = advance(sent, DeliveryReport(sent.message_id, sent.invitation_id, later, "Reason."))
    assert moved is not None
    assert moved.reminds == (later not in {Delivery.FAILED_PERMANENT, Delivery.SUPPRESSED})
    assert (moved.delivery, moved.delivery_reason, moved.message_id) == (later, "Reason.", sent.message_id)


def test_a_repeated_report_brings_nothing_new() -> None:
    sent = last_message()
    report = DeliveryReport(sent.message_id, sent.invitation_id, Delivery.SENT)
    moved = advance(sent, report)
    assert moved is not None
    assert advance(moved, report) is None


def test_the_furthest_of_several_reports_decides() -> None:
    sent = last_message()
    delivered, sent_late = (
        DeliveryReport(sent.message_id, sent.invitation_id, delivery)
        for delivery in (Delivery.DELIVERED, Delivery.SENT)
    )
    assert furthest([delivered, sent_late]) is delivered
    assert furthest([sent_late, delivered]) is delivered

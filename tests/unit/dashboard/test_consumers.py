"""Decoding of events into updates of the projection."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.dashboard import consumers
from services.dashboard.domain.parent_projection import InvitationState, Stage
from services.dashboard.domain.timeline import SENTENCES, kind_of_event
from shared.contracts import invitations, notifier, roster
from shared.contracts.envelope import Received
from shared.contracts.message import Message, all_messages
from shared.contracts.values import Delivery
from tests.unit.dashboard.builders import START, VALIDITY_PERIOD, Story

STORY = Story()


def _link(send_after: timedelta | None = None, **changes: Any) -> dict[str, Any]:
    return {
        "invitation_id": STORY.invitation_id,
        "parent_id": STORY.parent_id,
        "generation": 1,
        "channel": "sms",
        "contact_id": STORY.contact_id,
        "message_id": STORY.messages[0],
        "token_digest": "0" * 64,
        "expires_at": START + VALIDITY_PERIOD,
        "send_at": START + send_after if send_after else None,
        **changes,
    }


def _event(message: Message, version: int) -> Any:
    """Return the message as an event of the story, for a decoder of its type."""
    return STORY.event(message, version, 0)


def _failure(**changes: Any) -> Received[Any]:
    failure = {
        "message_id": STORY.messages[0],
        "parent_id": STORY.parent_id,
        "invitation_id": STORY.invitation_id,
        "generation": 1,
        "channel": "sms",
        "template": "verify",
        "failed_at": START,
        "permanent": True,
        "code": "550",
        "reason": "no such number",
        **changes,
    }
    return STORY.event(notifier.MessageFailed.model_validate(failure), 3, 0)


def test_every_event_of_the_source_services_has_at_most_one_handler() -> None:
    handled = [kind for subscription in consumers.subscriptions() for kind in subscription.handlers]
    assert len(handled) == len(set(handled))
    assert set(handled) <= set(all_messages())
    assert {kind.contract.kind for kind in handled} == {"event"}


def test_every_event_about_a_parent_has_a_sentence_in_the_timeline() -> None:
    handled = [kind for subscription in consumers.subscriptions() for kind in subscription.handlers]
    kinds = {kind_of_event(kind.__name__) for kind in handled if "parent_id" in kind.model_fields}
    siblings = {"siblings_linked", "siblings_unlinked"}
    deferred = {"verification_waits", "invitation_waits", "message_deferred"}
    assert set(SENTENCES) == kinds | siblings | deferred


def test_a_group_reads_one_source_service() -> None:
    for subscription in consumers.subscriptions():
        services = {kind.contract.topic.owner for kind in subscription.handlers}
        assert subscription.group == f"dashboard.on-{services.pop()}"
        assert not services


@pytest.mark.parametrize(
    ("kind", "state", "stage", "entry", "deferred_entry"),
    [
        (
            invitations.VerificationRequested,
            InvitationState.AWAITING_VERIFICATION,
            Stage.VERIFY,
            "verification_requested",
            "verification_waits",
        ),
        (
            invitations.InvitationIssued,
            InvitationState.INVITED,
            Stage.INVITE,
            "invitation_issued",
            "invitation_waits",
        ),
    ],
)
def test_a_link_sets_progress_sending_and_outcome(
    kind: type[Any], state: InvitationState, stage: Stage, entry: str, deferred_entry: str
) -> None:
    update = consumers.decode_link(_event(kind.model_validate(_link()), 4))
    assert update.parent.progress is not None
    assert update.parent.progress.state is state
    assert update.parent.outcome is not None
    assert (update.parent.outcome.stage, update.parent.outcome.delivery) == (stage, Delivery.QUEUED)
    assert update.parent.outcome.version == 0
    assert (update.entry.kind, update.entry.channel, update.version) == (entry, "sms", 4)
    deferred = consumers.decode_link(_event(kind.model_validate(_link(timedelta(hours=9))), 4))
    assert deferred.parent.outcome is not None
    assert deferred.parent.outcome.delivery is Delivery.DEFERRED
    assert deferred.parent.outcome.at == START + timedelta(hours=9)
    assert deferred.entry.kind == deferred_entry


@pytest.mark.parametrize(
    ("changes", "delivery", "entry"),
    [
        ({}, Delivery.FAILED_PERMANENT, "message_failed"),
        ({"code": "opted_out"}, Delivery.SUPPRESSED, "message_failed"),
        ({"permanent": False}, Delivery.FAILED_TEMPORARY, "message_deferred"),
    ],
)
def test_a_failure_sets_the_outcome(changes: dict[str, Any], delivery: Delivery, entry: str) -> None:
    update = consumers.decode_failure(_failure(**changes))
    outcome = update.parent.outcome
    assert outcome is not None
    assert (outcome.delivery, outcome.reason, outcome.version) == (delivery, "no such number", 3)
    assert update.entry.kind == entry
    assert (outcome.at is None) is (delivery is Delivery.FAILED_TEMPORARY)


def test_a_blocked_invitation_has_a_reason_and_a_verified_contact_is_confirmed() -> None:
    common = {"invitation_id": STORY.invitation_id, "parent_id": STORY.parent_id, "generation": 1}
    verified = invitations.ContactVerified.model_validate(
        {**common, "contact_id": STORY.contact_id, "verified_at": START}
    )
    update = consumers.decode_progress(_event(verified, 2), InvitationState.VERIFIED)
    assert update.parent.confirmed == {STORY.contact_id}
    expired = invitations.InvitationExpired.model_validate({**common, "expired_at": START})
    update = consumers.decode_progress(_event(expired, 3), InvitationState.EXPIRED)
    assert update.parent.confirmed == frozenset()


def test_siblings_get_an_entry_for_each_parent() -> None:
    parents = (Story().parent_id, Story().parent_id)
    linked = roster.SiblingsLinked(
        sibling_group_id=STORY.student_id, parent_ids=parents, student_ids=(), reason="manual"
    )
    updates = consumers.decode_siblings(_event(linked, 1))
    assert tuple(update.parent.parent_id for update in updates) == parents
    assert {update.entry.kind for update in updates} == {"siblings_linked"}

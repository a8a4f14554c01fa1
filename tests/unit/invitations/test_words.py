"""What staff read."""

from dataclasses import replace

import pytest

from services.invitations.domain.bulk import (
    Control,
    Progress,
    Run,
    RunState,
    Selection,
    controlled,
    with_unknown,
)
from services.invitations.domain.states import Channel, Delivery, Hindrance, InvitationStatus
from services.invitations.domain.words import action, hindrance, next_step, reason, unconfigured
from tests.unit.invitations.values import NOW, SCHOOL, family, invited


def test_p26_status_words() -> None:
    words = {status: action(status) for status in InvitationStatus}
    assert words == {
        InvitationStatus.NOT_INVITED: "Invite",
        InvitationStatus.AWAITING_VERIFICATION: "Re-Invite",
        InvitationStatus.INVITED: "Re-Invite",
        InvitationStatus.EXPIRED: "Re-Invite",
        InvitationStatus.WITHDRAWN: "Re-Invite",
        InvitationStatus.SIGNED_UP: "Signed Up",
        InvitationStatus.DECLINED: None,
        InvitationStatus.BLOCKED: None,
    }


@pytest.mark.parametrize("status", list(InvitationStatus))
def test_every_status_has_a_reason_and_a_next_step(status: InvitationStatus) -> None:
    at = replace(invited(family()).invitation, status=status)
    assert reason(at).endswith(".")
    assert next_step(at).endswith(".")


@pytest.mark.parametrize("why", list(Hindrance))
def test_every_hindrance_has_words(why: Hindrance) -> None:
    assert hindrance(why).endswith(".")


def test_c14_a_failed_message_is_told_with_its_reason() -> None:
    at = replace(
        invited(family()).invitation,
        delivery=Delivery.FAILED_PERMANENT,
        delivery_reason="There is no mailbox with this address.",
    )
    assert "There is no mailbox" in reason(at)
    assert next_step(at) == "Correct the address, or re-invite the parent."


def test_channels_that_are_not_set_up_are_named() -> None:
    assert unconfigured(Channel.SMS).startswith("SMS is not set up")
    assert unconfigured(Channel.WHATSAPP).startswith("WhatsApp is not set up")


def run_in(state: RunState, *, selected: bool = True) -> Run:
    return Run(
        bulk_id=SCHOOL.school_id,
        school_id=SCHOOL.school_id,
        state=state,
        channel=Channel.EMAIL,
        selection=Selection(everyone=True),
        created_at=NOW,
        body_digest="",
        selected_at=NOW if selected else None,
    )


def test_a_run_can_be_paused_resumed_and_cancelled_until_it_has_ended() -> None:
    assert controlled(run_in(RunState.RUNNING), Control.PAUSE) is RunState.PAUSED
    assert controlled(run_in(RunState.PAUSED), Control.RESUME) is RunState.RUNNING
    assert controlled(run_in(RunState.PAUSED, selected=False), Control.RESUME) is RunState.SELECTING
    assert controlled(run_in(RunState.RUNNING), Control.CANCEL) is RunState.CANCELLED
    assert controlled(run_in(RunState.CANCELLED), Control.CANCEL) is RunState.CANCELLED
    assert controlled(run_in(RunState.CANCELLED), Control.RESUME) is None
    assert [controlled(run_in(RunState.DONE), one) for one in Control] == [None, None, None]


def test_the_counts_of_a_run_add_up() -> None:
    skipped = with_unknown({"no_contact": 3}, 2)
    progress = Progress(pending=1, messaged=4, waiting=2, skipped=skipped, failed={"5.1.1": 1})
    assert skipped == {"no_contact": 3, "not_known_yet": 2}
    assert progress.selected == 11

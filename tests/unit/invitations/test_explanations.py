"""Texts for staff."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.invitations.domain.explanations import (
    action,
    explain_denial,
    explain_unconfigured,
    next_step,
    offered_action,
    public_status,
    reason,
)
from services.invitations.domain.models import DenialReason
from shared.contracts.values import Channel, Delivery, InvitationStatus
from tests.unit.invitations.builders import NOW, invitation

FAILED = replace(
    invitation(),
    delivery=Delivery.FAILED_PERMANENT,
    delivery_reason="There is no mailbox with this address.",
)


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
    state = replace(invitation(), status=status)
    assert reason(state).endswith(".")
    assert next_step(state).endswith(".")


def test_a_parent_without_an_invitation_is_explained_as_not_invited() -> None:
    assert reason(None) == "Nobody has invited this parent yet."
    assert next_step(None) == "Invite the parent."


@pytest.mark.parametrize("denial", list(DenialReason))
def test_every_denial_reason_has_a_sentence(denial: DenialReason) -> None:
    assert explain_denial(denial).endswith(".")


def test_c14_a_failed_message_is_explained_with_its_reason() -> None:
    assert reason(FAILED) == (
        "The last message could not be delivered: There is no mailbox with this address."
    )
    assert next_step(FAILED) == "Correct the address, or re-invite the parent."
    assert reason(replace(FAILED, delivery_reason=None)) == "The last message could not be delivered."


def test_a_suppressed_address_leads_to_another_channel() -> None:
    suppressed = replace(FAILED, delivery=Delivery.SUPPRESSED)
    assert next_step(suppressed) == "Invite the parent by another channel."


def test_a_failure_does_not_matter_once_the_parent_has_signed_up() -> None:
    signed_up = replace(FAILED, status=InvitationStatus.SIGNED_UP, signed_up_at=NOW)
    assert reason(signed_up) == "The parent has an account."
    assert next_step(signed_up) == "Nothing to do."


def test_a_parent_is_signed_up_once_the_account_is_active() -> None:
    accepted = replace(invitation(), status=InvitationStatus.SIGNED_UP)
    assert (public_status(accepted), offered_action(accepted)) == (InvitationStatus.INVITED, None)
    assert reason(accepted) == "The parent has filled in the form; the account is being opened."
    assert next_step(accepted) == "Nothing to do."
    active = replace(accepted, signed_up_at=NOW)
    assert (public_status(active), offered_action(active)) == (InvitationStatus.SIGNED_UP, "Signed Up")
    assert reason(active) == "The parent has an account."
    assert public_status(invitation()) is InvitationStatus.AWAITING_VERIFICATION


def test_a_message_that_is_delayed_is_explained_while_the_link_is_live() -> None:
    delayed = replace(invitation(), delivery=Delivery.FAILED_TEMPORARY, delivery_reason="Its queue was full.")
    assert reason(delayed) == "The last message has not been delivered yet: Its queue was full."
    assert next_step(delayed) == "Wait for the parent to open the message, or re-invite."
    withdrawn = replace(delayed, status=InvitationStatus.WITHDRAWN)
    assert reason(withdrawn) == "The invitation was taken back."


def test_channels_that_are_not_set_up_are_named() -> None:
    assert explain_unconfigured(Channel.SMS).startswith("SMS is not set up")
    assert explain_unconfigured(Channel.WHATSAPP).startswith("WhatsApp is not set up")

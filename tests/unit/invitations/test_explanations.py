"""Texts for staff."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from services.invitations.domain.explanations import (
    action,
    explain_denial,
    explain_invitation,
    explain_not_invited,
    explain_unconfigured,
    offered_action,
    public_status,
)
from services.invitations.domain.models import DenialReason, Invitation
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


def explain(explained: Invitation, *, opted_out: bool = False) -> tuple[str, str]:
    explanation = explain_invitation(explained, "Europe/Berlin", opted_out=opted_out)
    return explanation.reason, explanation.next_step


@pytest.mark.parametrize("status", list(InvitationStatus))
def test_every_status_has_a_reason_and_a_next_step(status: InvitationStatus) -> None:
    assert all(text.endswith(".") for text in explain(replace(invitation(), status=status)))


def test_a_parent_without_an_invitation_is_explained_as_not_invited() -> None:
    reachable, unreachable = explain_not_invited(reachable=True), explain_not_invited(reachable=False)
    assert (reachable.reason, reachable.next_step) == ("Not invited yet.", "Invite this parent.")
    assert unreachable.reason == "There is no e-mail address or phone number on file."


@pytest.mark.parametrize("denial", list(DenialReason))
def test_every_denial_reason_has_a_sentence(denial: DenialReason) -> None:
    assert explain_denial(denial).endswith(".")


def test_c14_a_failed_message_is_explained_with_its_reason() -> None:
    assert explain(FAILED) == (
        "The message could not be delivered: There is no mailbox with this address.",
        "Correct the e-mail address, then Re-Invite.",
    )
    assert explain(replace(FAILED, delivery_reason=None))[0] == "The message could not be delivered."


def test_a_suppressed_address_leads_to_another_contact() -> None:
    _, next_step = explain(replace(FAILED, delivery=Delivery.SUPPRESSED))
    assert next_step == "Ask the family for another contact, or Re-Invite another way."


def test_an_answer_of_stop_is_named() -> None:
    sent = replace(invitation(), channel=Channel.SMS, delivery=Delivery.SENT)
    assert explain(sent, opted_out=True)[0].startswith("The parent answered STOP")
    assert explain(sent)[0] == "Asked to confirm the phone number; no answer yet."


def test_a_deferred_message_is_explained_with_the_time_at_the_school() -> None:
    send_at = datetime(2026, 11, 22, 7, 0, tzinfo=UTC)
    deferred = replace(invitation(), channel=Channel.SMS, delivery=Delivery.DEFERRED, send_at=send_at)
    assert "22 Nov 2026, 08:00" in explain(deferred)[1]


def test_a_failure_does_not_matter_once_the_parent_has_signed_up() -> None:
    signed_up_at = datetime(2026, 11, 22, 7, 0, tzinfo=UTC)
    signed_up = replace(FAILED, status=InvitationStatus.SIGNED_UP, signed_up_at=signed_up_at)
    assert explain(signed_up) == ("Signed up on 22 Nov 2026, 08:00.", "Nothing to do.")


def test_a_parent_is_signed_up_once_the_account_is_active() -> None:
    accepted = replace(invitation(), status=InvitationStatus.SIGNED_UP)
    assert (public_status(accepted), offered_action(accepted)) == (InvitationStatus.INVITED, None)
    assert explain(accepted) == (
        "The parent has filled in the form; the account is being opened.",
        "Nothing to do.",
    )
    active = replace(accepted, signed_up_at=NOW)
    assert (public_status(active), offered_action(active)) == (InvitationStatus.SIGNED_UP, "Signed Up")
    assert explain(active)[0].startswith("Signed up on ")
    assert public_status(invitation()) is InvitationStatus.AWAITING_VERIFICATION


def test_a_message_that_is_delayed_is_explained_while_the_link_is_live() -> None:
    delayed = replace(invitation(), delivery=Delivery.FAILED_TEMPORARY, delivery_reason="Its queue was full.")
    assert explain(delayed) == ("Not delivered yet: Its queue was full.", "Wait: we keep trying.")
    withdrawn = replace(delayed, status=InvitationStatus.WITHDRAWN)
    assert explain(withdrawn)[0] == "The office withdrew the invitation."


def test_channels_that_are_not_set_up_are_named() -> None:
    assert explain_unconfigured(Channel.SMS).startswith("SMS is not set up")
    assert explain_unconfigured(Channel.WHATSAPP).startswith("WhatsApp is not set up")

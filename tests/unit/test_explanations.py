"""Explanations for staff: reason and next step of every status and delivery."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from zoneinfo import ZoneInfo

import pytest

from shared.contracts.explanations import (
    NOTHING_TO_DO,
    StatusDetails,
    contact_noun,
    explain,
    format_moment,
)
from shared.contracts.values import Delivery, InvitationStatus

AT = datetime(2026, 11, 21, 14, 5, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
WAITING = StatusDetails(
    InvitationStatus.AWAITING_VERIFICATION,
    BERLIN,
    channel="email",
    delivery=Delivery.SENT,
    expires_at=AT,
)
INVITED = replace(WAITING, status=InvitationStatus.INVITED)


def test_p04_an_expired_invitation_can_be_sent_again() -> None:
    details = StatusDetails(InvitationStatus.EXPIRED, BERLIN, state_at=AT)
    explanation = explain(details)
    assert explanation.reason == "The invitation expired on 21 Nov 2026, 15:05, unused."
    assert explanation.next_step == "Re-Invite to send a fresh link."


def test_an_expiry_without_a_time_of_its_own_is_that_of_the_link() -> None:
    earlier = AT - timedelta(hours=1)
    details = StatusDetails(InvitationStatus.EXPIRED, BERLIN, expires_at=AT, state_at=earlier)
    assert "15:05" in explain(replace(details, state_at=None)).reason
    assert "14:05" in explain(details).reason


@pytest.mark.parametrize("delivery", [Delivery.FAILED_PERMANENT, Delivery.SUPPRESSED])
def test_an_expired_invitation_that_never_arrived_names_the_failure(delivery: Delivery) -> None:
    details = replace(WAITING, status=InvitationStatus.EXPIRED, state_at=AT, delivery=delivery)
    failure = explain(replace(WAITING, delivery=delivery))
    explanation = explain(details)
    assert explanation.reason == f"{failure.reason} The invitation expired on 21 Nov 2026, 15:05."
    assert explanation.next_step == failure.next_step


def test_c14_a_failed_message_names_the_reason_and_the_remedy() -> None:
    details = StatusDetails(
        InvitationStatus.AWAITING_VERIFICATION,
        BERLIN,
        delivery=Delivery.FAILED_PERMANENT,
        delivery_reason="no such mailbox.",
        channel="email",
    )
    explanation = explain(details)
    assert explanation.reason == "The message could not be delivered: no such mailbox."
    assert explanation.next_step == "Correct the e-mail address, then Re-Invite."
    assert explain(replace(details, delivery_reason=None)).reason == "The message could not be delivered."


@pytest.mark.parametrize(
    ("code", "next_step"),
    [
        (None, "Correct the e-mail address, then Re-Invite."),
        ("550", "Correct the e-mail address, then Re-Invite."),
        ("policy_30007", "Tell the operator of this installation, or Re-Invite another way."),
        ("not_configured", "Tell the operator of this installation, or Re-Invite another way."),
        ("template_missing", "Tell the operator of this installation, or Re-Invite another way."),
        ("token_key_unknown", "Tell the operator of this installation, or Re-Invite another way."),
        ("internal_error", "Tell the operator of this installation, or Re-Invite another way."),
        ("expired", "Re-Invite to send a fresh link."),
    ],
)
def test_the_remedy_follows_from_the_code(code: str | None, next_step: str) -> None:
    details = replace(WAITING, delivery=Delivery.FAILED_PERMANENT, delivery_code=code)
    assert explain(details).next_step == next_step


@pytest.mark.parametrize(
    ("details", "reason", "next_step"),
    [
        (
            replace(WAITING, delivery=Delivery.SUPPRESSED),
            "This e-mail address takes no more messages from us.",
            "Ask the family for another contact, or Re-Invite another way.",
        ),
        (
            replace(INVITED, is_accepted=True),
            "The parent has filled in the form; the account is being opened.",
            NOTHING_TO_DO,
        ),
        (
            replace(WAITING, is_verified=True),
            "The contact is confirmed; the invitation is on its way.",
            NOTHING_TO_DO,
        ),
        (
            WAITING,
            "Asked to confirm the e-mail address; no answer yet.",
            "Wait: the link works until 21 Nov 2026, 15:05.",
        ),
        (
            replace(INVITED, delivery=Delivery.DELIVERED),
            "Invited; has not signed up yet.",
            "Wait: the link works until 21 Nov 2026, 15:05.",
        ),
        (replace(INVITED, expires_at=None), "Invited; has not signed up yet.", NOTHING_TO_DO),
        (
            replace(WAITING, channel="sms", opted_out=True),
            "The parent answered STOP: this phone number takes no more SMS messages.",
            "Ask the family, or Re-Invite another way; the link they have still works.",
        ),
        (
            replace(WAITING, delivery=Delivery.DEFERRED, delivery_at=AT),
            "Phones are left alone during the quiet hours of the school.",
            "Wait: the message is sent on 21 Nov 2026, 15:05, or Re-Invite by e-mail.",
        ),
        (
            replace(WAITING, delivery=Delivery.FAILED_TEMPORARY, delivery_at=AT, delivery_reason="busy."),
            "Not delivered yet: busy.",
            "Wait: the next attempt is on 21 Nov 2026, 15:05.",
        ),
        (
            replace(WAITING, delivery=Delivery.FAILED_TEMPORARY),
            "Not delivered yet.",
            "Wait: we keep trying.",
        ),
        (replace(WAITING, delivery=None), "The message is about to be sent.", NOTHING_TO_DO),
        (replace(WAITING, delivery=Delivery.QUEUED), "The message is about to be sent.", NOTHING_TO_DO),
        (
            replace(WAITING, delivery=Delivery.UNKNOWN),
            "Nobody can tell whether it arrived.",
            "Ask the family, or Re-Invite.",
        ),
        (
            replace(WAITING, delivery=Delivery.PRINTED),
            "The letter is printed.",
            "Hand out or post the letter.",
        ),
        (StatusDetails(InvitationStatus.NOT_INVITED, BERLIN), "Not invited yet.", "Invite this parent."),
        (
            StatusDetails(InvitationStatus.NOT_INVITED, BERLIN, reachable=False),
            "There is no e-mail address or phone number on file.",
            "Add one, then invite.",
        ),
        (
            StatusDetails(InvitationStatus.SIGNED_UP, BERLIN, signed_up_at=AT),
            "Signed up on 21 Nov 2026, 15:05.",
            NOTHING_TO_DO,
        ),
        (
            StatusDetails(InvitationStatus.DECLINED, BERLIN),
            "The parent declined the invitation.",
            "Speak with the family first.",
        ),
        (
            StatusDetails(InvitationStatus.WITHDRAWN, BERLIN),
            "The office withdrew the invitation.",
            "Re-Invite when the time has come.",
        ),
    ],
)
def test_each_situation_has_its_explanation(details: StatusDetails, reason: str, next_step: str) -> None:
    explanation = explain(details)
    assert (explanation.reason, explanation.next_step) == (reason, next_step)


@pytest.mark.parametrize(
    ("state_reason", "reason"),
    [
        ("no_access", "No right of access to any child is left."),
        ("no_contact", "There is no contact to send to."),
        ("removed", "The parent was removed from the roster."),
        ("something_new", "No right of access to any child is left."),
        (None, "No right of access to any child is left."),
    ],
)
def test_a_blocked_parent_has_a_reason(state_reason: str | None, reason: str) -> None:
    explanation = explain(StatusDetails(InvitationStatus.BLOCKED, BERLIN, state_reason=state_reason))
    assert explanation.reason == reason
    assert explanation.next_step == "Give access to a child first; then the parent can be invited."


def test_every_combination_has_a_reason_and_a_next_step() -> None:
    progress = ((False, False), (True, False), (False, True))
    for status, (is_verified, is_accepted), delivery, channel in product(
        InvitationStatus, progress, (None, *Delivery), (None, "email", "sms", "paper")
    ):
        explanation = explain(
            StatusDetails(
                status=status,
                zone=BERLIN,
                is_verified=is_verified,
                is_accepted=is_accepted,
                state_at=AT,
                delivery=delivery,
                channel=channel,
                expires_at=AT + timedelta(days=7),
                signed_up_at=AT,
            )
        )
        assert explanation.reason.endswith(".")
        assert explanation.next_step.endswith(".")


@pytest.mark.parametrize(
    ("channel", "noun"),
    [
        ("email", "e-mail address"),
        ("sms", "phone number"),
        ("whatsapp", "phone number"),
        ("paper", "postal address"),
        ("pigeon", "contact"),
        (None, "contact"),
    ],
)
def test_the_contact_is_named_after_the_channel(channel: str | None, noun: str) -> None:
    assert contact_noun(channel) == noun


def test_a_time_is_shown_in_the_zone() -> None:
    assert format_moment(AT, BERLIN) == "21 Nov 2026, 15:05"
    assert format_moment(datetime(2026, 11, 1, 1, 2, tzinfo=UTC), UTC) == "1 Nov 2026, 01:02"
    assert format_moment(None, BERLIN) == ""

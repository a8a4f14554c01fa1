"""Rows of the status view: action, explanation and channels of a parent."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest

from services.dashboard.domain.parent_projection import Contact, InvitationState
from services.dashboard.domain.schools_students import Student
from services.dashboard.domain.status import Action
from services.dashboard.domain.status_rows import LinkedStudent, ParentRow
from shared.contracts.values import ContactKind, Delivery, InvitationStatus, address_digest
from tests.unit.dashboard.builders import START

PHONE = Contact(uuid4(), ContactKind.PHONE, "+441632960000")
EMAIL = Contact(uuid4(), ContactKind.EMAIL, "amal@example.org")
STOPPED_SMS = frozenset({("sms", address_digest(PHONE.address))})
ROW = ParentRow(
    parent_id=uuid4(),
    name="Amal",
    language=None,
    contacts=(PHONE, EMAIL),
    children=(),
    status=InvitationStatus.INVITED,
    state=InvitationState.INVITED,
    state_at=START,
    state_reason=None,
    channel="sms",
    contact_id=PHONE.contact_id,
    expires_at=START,
    last_invited_at=START,
    delivery=Delivery.SENT,
    delivery_reason=None,
    delivery_at=START,
    delivery_code=None,
    signed_up_at=None,
)


@pytest.mark.parametrize(("rights", "action"), [("full", Action.RE_INVITE), ("none", None)])
def test_a_blocked_parent_needs_access_to_any_child(rights: str, action: Action | None) -> None:
    children = tuple(LinkedStudent(uuid4(), "Yara", None, None, given, None) for given in ("none", rights))
    assert replace(ROW, status=InvitationStatus.BLOCKED, children=children).action is action
    assert replace(ROW, children=()).action is Action.RE_INVITE


def test_the_explanation_shows_times_in_the_zone_of_the_school() -> None:
    assert "10:00" in ROW.explanation("Europe/Berlin").next_step
    assert "09:00" in ROW.explanation("nowhere").next_step


def test_an_opt_out_shows_only_for_the_channel_and_contact_of_the_last_message() -> None:
    assert "STOP" in replace(ROW, opt_outs=STOPPED_SMS).explanation("UTC").reason
    assert "STOP" not in ROW.explanation("UTC").reason
    assert "STOP" not in replace(ROW, opt_outs=STOPPED_SMS, channel="whatsapp").explanation("UTC").reason
    assert (
        "STOP"
        not in replace(ROW, opt_outs=STOPPED_SMS, contact_id=EMAIL.contact_id).explanation("UTC").reason
    )


def test_a_parent_without_a_contact_is_not_reachable() -> None:
    row = replace(ROW, status=InvitationStatus.NOT_INVITED)
    assert row.explanation("UTC").reason == "Not invited yet."
    assert "no e-mail address" in replace(row, contacts=()).explanation("UTC").reason


def test_channels_follow_from_contacts_and_opt_outs() -> None:
    row = replace(ROW, opt_outs=STOPPED_SMS)
    assert row.open_channels(("email", "sms", "whatsapp")) == ["email", "whatsapp"]
    assert row.opted_out_channels(PHONE) == ["sms"]


def test_no_repr_shows_personal_data() -> None:
    texts = [repr(ROW), repr(PHONE), repr(Student(uuid4(), uuid4(), 1, "Yara Haddad"))]
    assert not any(secret in "".join(texts) for secret in ("Amal", PHONE.address, "Yara"))

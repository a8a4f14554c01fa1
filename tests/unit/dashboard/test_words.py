from datetime import UTC, datetime, timedelta
from itertools import product
from zoneinfo import ZoneInfo

import pytest

from services.dashboard.domain.runs import counted
from services.dashboard.domain.status import Action, Delivery, State, Status, action_of, status_of
from services.dashboard.domain.timeline import LINES, Entry, line
from services.dashboard.domain.words import Standing, explain
from services.invitations.domain.states import Delivery as InvitationDelivery
from services.invitations.domain.states import InvitationStatus

AT = datetime(2026, 11, 21, 14, 5, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("status", "action"),
    [
        (Status.NOT_INVITED, Action.INVITE),
        (Status.AWAITING_VERIFICATION, Action.RE_INVITE),
        (Status.INVITED, Action.RE_INVITE),
        (Status.EXPIRED, Action.RE_INVITE),
        (Status.WITHDRAWN, Action.RE_INVITE),
        (Status.SIGNED_UP, Action.SIGNED_UP),
        (Status.DECLINED, None),
        (Status.BLOCKED, None),
    ],
)
def test_p26_status_words(status: Status, action: Action | None) -> None:
    assert action_of(status) is action


def test_p11_an_invited_parent_is_offered_re_invite() -> None:
    assert action_of(status_of(State.AWAITING_VERIFICATION, signed_up=False)) == "Re-Invite"


def test_p14_a_signed_up_parent_is_not_offered_re_invite() -> None:
    for state in (None, *State):
        if state is not State.BLOCKED:
            assert action_of(status_of(state, signed_up=True)) == "Signed Up"


def test_p04_an_expired_invitation_can_be_sent_again() -> None:
    told = explain(Standing(Status.EXPIRED, BERLIN, State.EXPIRED, state_at=AT))
    assert told.reason == "The invitation expired on 21 Nov 2026, 15:05, unused."
    assert told.next_step == "Re-Invite to send a fresh link."


def test_c14_a_failed_message_names_the_reason_and_the_remedy() -> None:
    standing = Standing(
        Status.AWAITING_VERIFICATION,
        BERLIN,
        delivery=Delivery.FAILED_PERMANENT,
        delivery_reason="no such mailbox.",
        channel="email",
    )
    told = explain(standing)
    assert told.reason == "The message could not be delivered: no such mailbox."
    assert told.next_step == "Correct the e-mail address, then Re-Invite."


def test_a_blocked_parent_who_has_access_again_can_be_invited() -> None:
    assert action_of(Status.BLOCKED, has_access=True) is Action.RE_INVITE


def test_a_parent_without_a_contact_is_told_apart() -> None:
    assert "no e-mail address" in explain(Standing(Status.NOT_INVITED, BERLIN, reachable=False)).reason


def test_every_combination_has_a_reason_and_a_next_step() -> None:
    for status, state, delivery, channel in product(
        Status, (None, *State), (None, *Delivery), (None, "email", "sms", "paper")
    ):
        told = explain(
            Standing(
                status=status,
                zone=BERLIN,
                state=state,
                state_at=AT,
                delivery=delivery,
                channel=channel,
                expires_at=AT + timedelta(days=7),
                signed_up_at=AT,
            )
        )
        assert told.reason.endswith(".")
        assert told.next_step.endswith(".")


def test_every_kind_of_timeline_line_reads_without_holes() -> None:
    for kind in LINES:
        words = line(Entry(kind, AT, "email", "invite", "no such mailbox"))
        assert words
        assert "{" not in words
        assert not words.endswith((".", ":"))


def test_a_line_of_a_newer_version_reads_as_its_name() -> None:
    assert line(Entry("parents_merged", AT)) == "Parents merged"


def test_the_two_services_that_name_a_standing_use_the_same_words() -> None:
    """Each has its own type, as services share nothing; what they mean by a word is the same."""
    assert [item.value for item in Status] == [item.value for item in InvitationStatus]
    assert [item.value for item in Delivery] == [item.value for item in InvitationDelivery]


def test_an_import_is_counted_in_words_and_what_is_nothing_is_left_out() -> None:
    told = {"unchanged": 0, "parents_new": 12, "rows": 14, "odd_ones": 2}
    assert counted(told) == [("Rows read", 14), ("New parents", 12), ("Odd ones", 2)]

"""States of links, and submissions on them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from services.signup.domain.links import (
    InvitationState,
    Link,
    LinkState,
    Purpose,
    Submission,
    SubmissionState,
    new_submission,
)

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
JOIN = Link(
    token_digest="5e",
    purpose=Purpose.JOIN,
    invitation_id=uuid4(),
    school_id=uuid4(),
    parent_id=uuid4(),
    generation=2,
    expires_at=NOW + timedelta(days=7),
    current_generation=2,
    invitation_state=InvitationState.INVITED,
)
VERIFY = replace(JOIN, purpose=Purpose.VERIFY, invitation_state=InvitationState.AWAITING_VERIFICATION)


@pytest.mark.parametrize(
    ("seconds", "state"), [(-1, LinkState.LIVE), (0, LinkState.LIVE), (1, LinkState.EXPIRED)]
)
def test_p3_i22_a_link_lives_to_its_last_moment_and_not_longer(seconds: int, state: LinkState) -> None:
    moment = JOIN.expires_at + timedelta(seconds=seconds)
    assert JOIN.state(moment) is state
    assert VERIFY.state(moment) is state


def test_p3_an_expiry_that_was_announced_counts_before_the_clock() -> None:
    assert replace(JOIN, invitation_state=InvitationState.EXPIRED).state(NOW) is LinkState.EXPIRED


@pytest.mark.parametrize("state", list(InvitationState))
def test_i23_an_older_generation_is_replaced_whatever_the_invitation_became(
    state: InvitationState,
) -> None:
    older = replace(JOIN, generation=1, invitation_state=state)
    assert older.state(NOW) is LinkState.REPLACED
    assert older.state(NOW + timedelta(days=30)) is LinkState.REPLACED


@pytest.mark.parametrize(
    ("invitation", "verify", "join"),
    [
        (InvitationState.AWAITING_VERIFICATION, LinkState.LIVE, LinkState.LIVE),
        (InvitationState.VERIFIED, LinkState.USED, LinkState.LIVE),
        (InvitationState.INVITED, LinkState.USED, LinkState.LIVE),
        (InvitationState.SIGNED_UP, LinkState.USED, LinkState.USED),
        (InvitationState.EXPIRED, LinkState.EXPIRED, LinkState.EXPIRED),
        (InvitationState.WITHDRAWN, LinkState.WITHDRAWN, LinkState.WITHDRAWN),
        (InvitationState.BLOCKED, LinkState.WITHDRAWN, LinkState.WITHDRAWN),
    ],
)
def test_state_follows_the_invitation(
    invitation: InvitationState, verify: LinkState, join: LinkState
) -> None:
    assert replace(VERIFY, invitation_state=invitation).state(NOW) is verify
    assert replace(JOIN, invitation_state=invitation).state(NOW) is join


def test_a_used_link_stays_used_after_its_expiry() -> None:
    used = replace(JOIN, invitation_state=InvitationState.SIGNED_UP)
    assert used.state(NOW + timedelta(days=8)) is LinkState.USED


@pytest.mark.parametrize(
    ("invitation", "state", "offered"),
    [
        (InvitationState.INVITED, LinkState.LIVE, False),
        (InvitationState.INVITED, LinkState.REPLACED, True),
        (InvitationState.EXPIRED, LinkState.EXPIRED, True),
        (InvitationState.WITHDRAWN, LinkState.WITHDRAWN, True),
        (InvitationState.SIGNED_UP, LinkState.USED, False),
        (InvitationState.SIGNED_UP, LinkState.REPLACED, False),
        (InvitationState.BLOCKED, LinkState.WITHDRAWN, False),
    ],
)
def test_a_new_link_is_offered_only_where_one_can_help(
    invitation: InvitationState, state: LinkState, offered: bool
) -> None:
    assert replace(JOIN, invitation_state=invitation).can_be_renewed(state) is offered


@pytest.mark.parametrize("state", list(InvitationState))
def test_only_a_signed_up_invitation_is_signed_up(state: InvitationState) -> None:
    assert replace(JOIN, invitation_state=state).is_signed_up is (state is InvitationState.SIGNED_UP)


def test_a_later_generation_than_the_invitation_has_is_live() -> None:
    """The event about a link may arrive before a newer one about the invitation."""
    assert replace(JOIN, generation=3).state(NOW) is LinkState.LIVE


def test_a_new_submission_is_pending_and_belongs_to_the_link() -> None:
    submission_id, account_id = uuid4(), uuid4()
    assert new_submission(JOIN, submission_id, account_id, NOW) == Submission(
        submission_id=submission_id,
        purpose=Purpose.JOIN,
        invitation_id=JOIN.invitation_id,
        generation=2,
        school_id=JOIN.school_id,
        parent_id=JOIN.parent_id,
        account_id=account_id,
        state=SubmissionState.PENDING,
        reason=None,
        submitted_at=NOW,
    )


def test_stored_and_published_values_stay() -> None:
    """The table's checks and the keys of texts depend on them."""
    assert [state.value for state in InvitationState] == [
        "awaiting_verification",
        "verified",
        "invited",
        "signed_up",
        "expired",
        "withdrawn",
        "blocked",
    ]
    assert [state.value for state in LinkState] == [
        "live",
        "expired",
        "replaced",
        "used",
        "withdrawn",
        "unknown",
    ]
    assert [state.value for state in SubmissionState] == ["pending", "accepted", "refused"]
    assert [purpose.value for purpose in Purpose] == ["verify", "join"]

"""Actions that staff are offered for a parent, derived from the invitation status.

The status itself is a generated column of the table `parents` (see `storage/tables.py`): there is no second rule.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from shared.contracts.values import InvitationStatus

RE_INVITE_CONFIRMATION_PERIOD = timedelta(hours=24)


class Action(StrEnum):
    """Label of the button on a parent's row (P26)."""

    INVITE = "Invite"
    RE_INVITE = "Re-Invite"
    SIGNED_UP = "Signed Up"


ACTION_OF_STATUS: dict[InvitationStatus, Action | None] = {
    InvitationStatus.NOT_INVITED: Action.INVITE,
    InvitationStatus.AWAITING_VERIFICATION: Action.RE_INVITE,
    InvitationStatus.INVITED: Action.RE_INVITE,
    InvitationStatus.EXPIRED: Action.RE_INVITE,
    InvitationStatus.WITHDRAWN: Action.RE_INVITE,
    InvitationStatus.SIGNED_UP: Action.SIGNED_UP,
    InvitationStatus.DECLINED: None,
    InvitationStatus.BLOCKED: None,
}


def choose_action(status: InvitationStatus, *, has_access: bool = False) -> Action | None:
    """Return the action that a row offers, or None where the parent declined or has no right of access.

    A blocked parent who has been given access to a child again (`has_access`) can be re-invited.
    """
    if status is InvitationStatus.BLOCKED and has_access:
        return Action.RE_INVITE
    return ACTION_OF_STATUS[status]


def needs_confirmation(last_invited_at: datetime | None, now: datetime) -> bool:
    """Return whether staff must confirm a new invitation because the last one is less than a day old (C10)."""
    return last_invited_at is not None and now - last_invited_at < RE_INVITE_CONFIRMATION_PERIOD

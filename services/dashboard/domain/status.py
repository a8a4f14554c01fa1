"""The two axes of an invitation and the action a row offers. They are never mixed."""

from enum import StrEnum


class Status(StrEnum):
    """Where the family stands with its invitation."""

    NOT_INVITED = "not_invited"
    AWAITING_VERIFICATION = "awaiting_verification"
    INVITED = "invited"
    SIGNED_UP = "signed_up"
    DECLINED = "declined"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    BLOCKED = "blocked"


class Delivery(StrEnum):
    """What became of the last message."""

    QUEUED = "queued"
    DEFERRED = "deferred"
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED_TEMPORARY = "failed_temporary"
    FAILED_PERMANENT = "failed_permanent"
    SUPPRESSED = "suppressed"
    UNKNOWN = "unknown"
    PRINTED = "printed"


class State(StrEnum):
    """What the last invitation fact said; finer than `Status`, which staff read."""

    AWAITING_VERIFICATION = "awaiting_verification"
    VERIFIED = "verified"
    INVITED = "invited"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    BLOCKED = "blocked"


class Action(StrEnum):
    """The words staff read on a parent's row (P26)."""

    INVITE = "Invite"
    RE_INVITE = "Re-Invite"
    SIGNED_UP = "Signed Up"


STATUS_OF_STATE = {
    State.AWAITING_VERIFICATION: Status.AWAITING_VERIFICATION,
    State.VERIFIED: Status.AWAITING_VERIFICATION,
    State.INVITED: Status.INVITED,
    State.ACCEPTED: Status.INVITED,
    State.DECLINED: Status.DECLINED,
    State.EXPIRED: Status.EXPIRED,
    State.WITHDRAWN: Status.WITHDRAWN,
    State.BLOCKED: Status.BLOCKED,
}

ACTION_OF_STATUS: dict[Status, Action | None] = {
    Status.NOT_INVITED: Action.INVITE,
    Status.AWAITING_VERIFICATION: Action.RE_INVITE,
    Status.INVITED: Action.RE_INVITE,
    Status.EXPIRED: Action.RE_INVITE,
    Status.WITHDRAWN: Action.RE_INVITE,
    Status.SIGNED_UP: Action.SIGNED_UP,
    Status.DECLINED: None,
    Status.BLOCKED: None,
}


def status_of(state: State | None, *, signed_up: bool) -> Status:
    """SignedUp makes a sign-up, an accepted invitation does not; blocked means no access either way."""
    if state is State.BLOCKED:
        return Status.BLOCKED
    if signed_up:
        return Status.SIGNED_UP
    return Status.NOT_INVITED if state is None else STATUS_OF_STATE[state]


def action_of(status: Status, *, has_access: bool = False) -> Action | None:
    """None where staff have nothing to press: the family declined, or has no right of access.

    A blocked parent who has been given access to a child again (`has_access`) can be re-invited.
    """
    if status is Status.BLOCKED and has_access:
        return Action.RE_INVITE
    return ACTION_OF_STATUS[status]

"""The two axes of an invitation, neither derived from the other, and the names of what can happen to it."""

from __future__ import annotations

from enum import StrEnum


class InvitationStatus(StrEnum):
    """How far the parent is. A parent who was never invited has no row at all."""

    NOT_INVITED = "not_invited"
    AWAITING_VERIFICATION = "awaiting_verification"
    INVITED = "invited"
    SIGNED_UP = "signed_up"
    DECLINED = "declined"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    BLOCKED = "blocked"


class Delivery(StrEnum):
    """What became of the invitation's last message."""

    QUEUED = "queued"
    DEFERRED = "deferred"
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED_TEMPORARY = "failed_temporary"
    FAILED_PERMANENT = "failed_permanent"
    SUPPRESSED = "suppressed"
    UNKNOWN = "unknown"
    PRINTED = "printed"


class Purpose(StrEnum):
    """What the live link does: prove the address, or sign up."""

    VERIFY = "verify"
    JOIN = "join"


class Channel(StrEnum):
    """How a message travels."""

    EMAIL = "email"
    SMS = "sms"
    WHATSAPP = "whatsapp"


class Template(StrEnum):
    """Which message is sent."""

    VERIFY = "verify"
    INVITE = "invite"
    VERIFY_REMINDER = "verify_reminder"
    INVITE_REMINDER = "invite_reminder"


class Fact(StrEnum):
    """What a transition announces; the service words it as a message."""

    VERIFICATION_REQUESTED = "verification_requested"
    CONTACT_VERIFIED = "contact_verified"
    ISSUED = "issued"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    BLOCKED = "blocked"


class Origin(StrEnum):
    """Who wants a parent invited; the rules differ."""

    STAFF = "staff"
    ADDED = "added"
    BULK = "bulk"
    PARENT = "parent"
    CONTACT_CHANGE = "contact_change"


class Hindrance(StrEnum):
    """Why a parent is not invited now; also the skip reasons of a bulk run."""

    SIGNED_UP = "signed_up"
    DECLINED = "declined"
    OPTED_OUT = "opted_out"
    NO_CONTACT = "no_contact"
    COOL_DOWN = "cool_down"
    RESTRICTED = "restricted"
    NOT_KNOWN_YET = "not_known_yet"
    REMOVED = "removed"
    NO_CREDENTIALS = "no_credentials"
    MESSAGE_CAP = "message_cap"
    TOO_SOON = "too_soon"


class Refusal(StrEnum):
    """Why a submission on a link is refused."""

    EXPIRED = "expired"
    REPLACED = "replaced"
    USED = "used"
    WITHDRAWN = "withdrawn"
    NO_ACCESS = "no_access"


LIVE = frozenset({InvitationStatus.AWAITING_VERIFICATION, InvitationStatus.INVITED})
STOPPED = frozenset({Delivery.FAILED_PERMANENT, Delivery.SUPPRESSED})

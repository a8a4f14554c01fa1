"""Values that several services share: the two axes of an invitation, channels, templates, and the address digest.

The contracts spell the same values as `Literal` types, so that their JSON Schemas stay as published; a test keeps the
two lists equal. This module and `quiet_hours` import only the standard library, so a service's domain may use them.
"""

from __future__ import annotations

import hashlib
from enum import StrEnum


class InvitationStatus(StrEnum):
    """Progress of a parent towards an account. A parent who was never invited has no invitation at all."""

    NOT_INVITED = "not_invited"
    AWAITING_VERIFICATION = "awaiting_verification"
    INVITED = "invited"
    SIGNED_UP = "signed_up"
    DECLINED = "declined"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    BLOCKED = "blocked"


class Delivery(StrEnum):
    """Delivery of an invitation's last message, as far as it is known."""

    QUEUED = "queued"
    DEFERRED = "deferred"
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED_TEMPORARY = "failed_temporary"
    FAILED_PERMANENT = "failed_permanent"
    SUPPRESSED = "suppressed"
    UNKNOWN = "unknown"
    PRINTED = "printed"


class Channel(StrEnum):
    """Way in which a message travels."""

    EMAIL = "email"
    SMS = "sms"
    WHATSAPP = "whatsapp"


class Template(StrEnum):
    """Kind of message that is sent to a parent."""

    VERIFY = "verify"
    INVITE = "invite"
    VERIFY_REMINDER = "verify_reminder"
    INVITE_REMINDER = "invite_reminder"


class ContactKind(StrEnum):
    """Kind of a contact point: the address of one or of several channels."""

    EMAIL = "email"
    PHONE = "phone"


class RefusalReason(StrEnum):
    """Reason for which a submission on a link is refused."""

    EXPIRED = "expired"
    REPLACED = "replaced"
    USED = "used"
    WITHDRAWN = "withdrawn"
    NO_ACCESS = "no_access"


PHONE_CHANNELS = frozenset({Channel.SMS, Channel.WHATSAPP})


def address_digest(address: str) -> str:
    """Return the SHA-256 (hex) of an address, ignoring case and surrounding blanks.

    It recognises an address again without storing it.
    """
    return hashlib.sha256(address.strip().casefold().encode()).hexdigest()

"""Sort key of a parent's row: status and delivery packed into one smallint, the generated column `standing`.

An index on the key and the name serves every filter of the Parents list. The numbers are stored: never renumber.
"""

from __future__ import annotations

from shared.contracts.values import Delivery, InvitationStatus

STATUS_CODES = {
    InvitationStatus.NOT_INVITED: 0,
    InvitationStatus.AWAITING_VERIFICATION: 1,
    InvitationStatus.INVITED: 2,
    InvitationStatus.SIGNED_UP: 3,
    InvitationStatus.DECLINED: 4,
    InvitationStatus.EXPIRED: 5,
    InvitationStatus.WITHDRAWN: 6,
    InvitationStatus.BLOCKED: 7,
}
DELIVERY_CODES: dict[Delivery | None, int] = {
    None: 0,
    Delivery.QUEUED: 1,
    Delivery.DEFERRED: 2,
    Delivery.SENT: 3,
    Delivery.DELIVERED: 4,
    Delivery.FAILED_TEMPORARY: 5,
    Delivery.FAILED_PERMANENT: 6,
    Delivery.SUPPRESSED: 7,
    Delivery.UNKNOWN: 8,
    Delivery.PRINTED: 9,
}
STATUS_FACTOR = 16
"""Distance between the keys of two neighbouring statuses."""

STATUS_AND_DELIVERY = {
    STATUS_FACTOR * status_code + delivery_code: (status, delivery)
    for status, status_code in STATUS_CODES.items()
    for delivery, delivery_code in DELIVERY_CODES.items()
}
"""Status and delivery by sort key."""


def list_sort_keys(status: InvitationStatus | None = None, delivery: Delivery | None = None) -> list[int]:
    """Return the keys of all rows with this status and this delivery; None stands for any."""
    return [
        sort_key
        for sort_key, (key_status, key_delivery) in STATUS_AND_DELIVERY.items()
        if status in (None, key_status) and delivery in (None, key_delivery)
    ]

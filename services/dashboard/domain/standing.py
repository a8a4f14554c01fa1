"""Status and delivery of a row as one number, by which rows are found in the order of names. The numbers are stored."""

from services.dashboard.domain.status import Delivery, Status

STATUS_NUMBERS = {
    Status.NOT_INVITED: 0,
    Status.AWAITING_VERIFICATION: 1,
    Status.INVITED: 2,
    Status.SIGNED_UP: 3,
    Status.DECLINED: 4,
    Status.EXPIRED: 5,
    Status.WITHDRAWN: 6,
    Status.BLOCKED: 7,
}
DELIVERY_NUMBERS: dict[Delivery | None, int] = {
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
STEP = 16
"""Numbers of one status lie this far from those of the next."""

STANDINGS = {
    STEP * status_number + delivery_number: (status, delivery)
    for status, status_number in STATUS_NUMBERS.items()
    for delivery, delivery_number in DELIVERY_NUMBERS.items()
}


def standings(status: Status | None = None, delivery: Delivery | None = None) -> list[int]:
    """The numbers of all rows with this status and this delivery; None means any."""
    return [
        number
        for number, (its_status, its_delivery) in STANDINGS.items()
        if status in (None, its_status) and delivery in (None, its_delivery)
    ]

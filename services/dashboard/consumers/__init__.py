"""What each consumer group reads, and which handler takes each message type."""

from services.dashboard.consumers import invitations, notifier, roster, signup
from shared.runtime.messaging import Subscription

SUBSCRIPTIONS: tuple[Subscription, ...] = (
    roster.SUBSCRIPTION,
    invitations.SUBSCRIPTION,
    notifier.SUBSCRIPTION,
    signup.SUBSCRIPTION,
)

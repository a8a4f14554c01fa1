"""Messages between services: the outbox and its relay, the inbox and its consumers, the broker, the event archive."""

from __future__ import annotations

from shared.runtime.messaging.broker.client import Kafka
from shared.runtime.messaging.event_archive import ArchivedEvent, EventArchive
from shared.runtime.messaging.inbox.dead_letters import list_dead_letters
from shared.runtime.messaging.inbox.decoding import group_preserving_order
from shared.runtime.messaging.inbox.subscription import Handler, Subscription
from shared.runtime.messaging.outbox.emit import IS_PENDING, Lane, OutboxMessage, emit

__all__ = [
    "IS_PENDING",
    "ArchivedEvent",
    "EventArchive",
    "Handler",
    "Kafka",
    "Lane",
    "OutboxMessage",
    "Subscription",
    "emit",
    "group_preserving_order",
    "list_dead_letters",
]

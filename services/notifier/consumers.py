"""Consumers of commands. They send nothing themselves, so that a provider that hangs does not delay the broker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from services.notifier.domain.messages import Message, Recipient
from services.notifier.sending.in_flight import InFlightMessages
from services.notifier.use_cases.channel_policy import ChannelPolicy
from services.notifier.use_cases.enqueue import Enqueued, enqueue
from shared.contracts.envelope import Received
from shared.contracts.notifier import SendMessage
from shared.runtime.database import Transaction
from shared.runtime.messaging import Lane, Subscription

InFlightByChannel = Mapping[str, InFlightMessages]


class CommandConsumer:
    """Consumer of the commands of one lane.

    `in_flight` holds the messages in flight of this process by channel; a part of the new messages is handed over to
    it, the rest waits in the queue.
    """

    def __init__(self, lane: Lane, policy: ChannelPolicy, in_flight: InFlightByChannel) -> None:
        self._lane = lane
        self._policy = policy
        self._in_flight = in_flight
        self._enqueued: Enqueued | None = None
        self._lease_ends: dict[str, float] = {}

    async def on_send_message(self, tx: Transaction, commands: Sequence[Received[SendMessage]]) -> None:
        """Enqueue the messages. None is sent before the transaction is committed; see `on_committed`."""
        self._enqueued = None
        self._lease_ends = {channel: in_flight.lease_end() for channel, in_flight in self._in_flight.items()}
        self._enqueued = await enqueue(
            tx,
            [decode(command) for command in commands],
            self._lane,
            self._policy,
            capacity={
                channel: in_flight.handover_capacity() for channel, in_flight in self._in_flight.items()
            },
            lease_seconds=min(
                (in_flight.lease_seconds for in_flight in self._in_flight.values()), default=0.0
            ),
        )

    def on_committed(self) -> None:
        """Hand claimed messages over to their senders; have the queues polled in which further ones wait."""
        if self._enqueued is None:
            return
        enqueued, self._enqueued = self._enqueued, None
        for channel, in_flight in self._in_flight.items():
            claims = [claim for claim in enqueued.claims if claim.message.channel == channel]
            if claims:
                in_flight.add(claims, enqueued.claimed_at, self._lease_ends[channel])
            if channel in enqueued.waiting_channels:
                in_flight.request_poll()


def subscriptions(
    policy: ChannelPolicy, in_flight: Mapping[Lane, InFlightByChannel]
) -> tuple[Subscription, ...]:
    """Return the subscriptions to both command topics, each with its own consumer group."""
    single = CommandConsumer(Lane.SINGLE, policy, in_flight.get(Lane.SINGLE, {}))
    bulk = CommandConsumer(Lane.BULK, policy, in_flight.get(Lane.BULK, {}))
    return (
        Subscription(
            "notifier.on-commands",
            {SendMessage: single.on_send_message},
            after_commit=single.on_committed,
        ),
        Subscription(
            "notifier.on-commands-bulk",
            {SendMessage: bulk.on_send_message},
            after_commit=bulk.on_committed,
        ),
    )


def decode(command: Received[SendMessage]) -> Message:
    """Return the message that is commanded."""
    data = command.data
    return Message(
        message_id=data.message_id,
        school_id=command.school_id,
        parent_id=data.parent_id,
        invitation_id=data.invitation_id,
        generation=data.generation,
        channel=data.channel,
        template=data.template,
        recipient=Recipient(data.recipient.address, data.recipient.name),
        language=data.language,
        school_name=data.school_name,
        timezone=data.timezone,
        token_key_id=data.token_key_id,
        expires_at=data.expires_at,
        quiet_from=data.quiet_from,
        quiet_until=data.quiet_until,
        traceparent=command.traceparent,
    )

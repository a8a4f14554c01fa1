"""A command becomes a queued message."""

from __future__ import annotations

from collections.abc import Sequence

from services.notifier.domain.messages import Message, Outcome, Recipient
from services.notifier.domain.retry import RetryPolicy
from services.notifier.service.outlets import Outlets
from services.notifier.service.recording import record
from services.notifier.storage.queue import claim_new, insert_queued
from shared.contracts.envelope import Received
from shared.contracts.notifier import SendMessage
from shared.runtime.database import Transaction
from shared.runtime.errors import Rejected
from shared.runtime.outbox import Lane


async def accept(
    tx: Transaction, commands: Sequence[Received[SendMessage]], lane: Lane, outlets: Outlets
) -> None:
    """Queue the messages; one that is already known is passed over.

    What cannot be sent from here fails at once, with that reason. Raises Rejected for a command that cannot be meant.
    """
    messages = [_message(command) for command in commands]
    new = await insert_queued(tx, messages, lane.value)
    refusals = {m.message_id: outlets.refusal(m.channel, m.recipient.address) for m in messages}
    refused = {message_id: result for message_id, result in refusals.items() if result and message_id in new}
    if refused:
        claims = await claim_new(tx, list(refused))
        outcomes = [Outcome(claim, refused[claim.message.message_id], tx.now) for claim in claims]
        await record(tx, outcomes, RetryPolicy(), lane=lane)


def _message(command: Received[SendMessage]) -> Message:
    data = command.data
    if data.expires_at.tzinfo is None:
        raise Rejected("invalid_data", "expires_at: a moment needs a time zone")
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
        quiet_from=data.quiet_from.replace(tzinfo=None) if data.quiet_from else None,
        quiet_until=data.quiet_until.replace(tzinfo=None) if data.quiet_until else None,
        traceparent=command.traceparent,
    )

"""A command becomes a queued message."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from services.notifier.domain.messages import Message, Outcome, Recipient, Result, Verdict
from services.notifier.domain.retry import RetryPolicy
from services.notifier.service.recording import record
from services.notifier.storage.queue import claim_new, insert_queued
from shared.contracts.envelope import Received
from shared.contracts.notifier import SendMessage
from shared.runtime.database import Transaction
from shared.runtime.errors import Rejected
from shared.runtime.outbox import Lane

CHANNEL_NAMES = {"email": "E-mail", "sms": "SMS", "whatsapp": "WhatsApp"}


async def accept(
    tx: Transaction, commands: Sequence[Received[SendMessage]], lane: Lane, channels: Collection[str]
) -> None:
    """Queue the messages; one that is already known is passed over.

    A message for a channel that is not set up fails at once, with that reason. Raises Rejected for a command that
    cannot be meant.
    """
    messages = [_message(command) for command in commands]
    new = await insert_queued(tx, messages, lane.value)
    unsendable = [m.message_id for m in messages if m.message_id in new and m.channel not in channels]
    if unsendable:
        claims = await claim_new(tx, unsendable)
        outcomes = [Outcome(claim, _not_set_up(claim.message.channel), tx.now) for claim in claims]
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
        traceparent=command.traceparent,
    )


def _not_set_up(channel: str) -> Result:
    name = CHANNEL_NAMES.get(channel, channel)
    return Result(Verdict.REFUSED, "not_configured", f"{name} is not set up in this installation.")

"""Command to send a message, and events on its delivery."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from shared.contracts.bounds import Address, Digest, LocalTime, Moment, Name, Reason, Short
from shared.contracts.message import Generation, Message, Personal, contract
from shared.contracts.roster import Channel
from shared.contracts.topics import NOTIFIER_COMMANDS, NOTIFIER_MESSAGE, NOTIFIER_RECIPIENT

Template = Literal["verify", "invite", "verify_reminder", "invite_reminder"]


class Recipient(Personal):
    """Recipient: an e-mail address or an E.164 number, and the name to greet."""

    address: Address
    name: Name


@contract(
    "notifier.message.send.v1",
    topic=NOTIFIER_COMMANDS,
    key="message_id",
    triggered_by="an invitation, a reminder; runs travel on the bulk topic",
    kind="command",
)
class SendMessage(Message):
    """Send one message. The link is derived from (template, invitation_id, generation) with key `token_key_id`.

    From `quiet_from` until `quiet_until`, local time in `timezone`, the message is deferred. Without them it is sent at
    any hour, as what a parent has asked for is.
    """

    message_id: UUID
    template: Template
    channel: Channel
    recipient: Recipient
    language: Short
    school_name: Name
    timezone: Short
    parent_id: UUID
    invitation_id: UUID
    generation: Generation
    token_key_id: Short
    expires_at: Moment
    quiet_from: LocalTime | None = None
    quiet_until: LocalTime | None = None


class _Outcome(Message):
    message_id: UUID
    parent_id: UUID
    invitation_id: UUID
    generation: Generation
    channel: Channel
    template: Template


@contract(
    "notifier.message.sent.v1",
    topic=NOTIFIER_MESSAGE,
    key="message_id",
    triggered_by="the provider took the message over",
)
class MessageSent(_Outcome):
    """The message was handed over. Final if the channel cannot confirm delivery (`confirmable` is false)."""

    sent_at: Moment
    confirmable: bool = False


@contract(
    "notifier.message.delivered.v1",
    topic=NOTIFIER_MESSAGE,
    key="message_id",
    triggered_by="the provider says it arrived",
)
class MessageDelivered(_Outcome):
    """The message reached the parent's mailbox or phone."""

    delivered_at: Moment


@contract(
    "notifier.message.failed.v1",
    topic=NOTIFIER_MESSAGE,
    key="message_id",
    triggered_by="the provider refused the message, for now or for good",
)
class MessageFailed(_Outcome):
    """The message was not sent.

    If `permanent`, there is no further attempt, else the next is at `retry_at`. `reason` is for staff.
    """

    failed_at: Moment
    permanent: bool
    code: Short
    reason: Reason
    retry_at: Moment | None = None


@contract(
    "notifier.message.outcome_unknown.v1",
    topic=NOTIFIER_MESSAGE,
    key="message_id",
    triggered_by="the provider's answer was lost and no attempt is left",
)
class MessageOutcomeUnknown(_Outcome):
    """The message may have arrived; the outcome cannot be determined."""

    reason: Reason


@contract(
    "notifier.recipient.opted_out.v1",
    topic=NOTIFIER_RECIPIENT,
    key="parent_id",
    triggered_by="the parent answered STOP, or the provider says that they once did",
)
class RecipientOptedOut(Message):
    """The address accepts no messages on this channel any more, from any school; see `values.address_digest`."""

    parent_id: UUID
    channel: Channel
    address_digest: Digest
    opted_out_at: Moment


@contract(
    "notifier.recipient.opted_in.v1",
    topic=NOTIFIER_RECIPIENT,
    key="parent_id",
    triggered_by="the parent answered START after a STOP",
)
class RecipientOptedIn(Message):
    """The address accepts messages on this channel again; see `values.address_digest`."""

    parent_id: UUID
    channel: Channel
    address_digest: Digest
    opted_in_at: Moment

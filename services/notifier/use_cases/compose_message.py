"""Compose the message that a channel sends, with its link."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from services.notifier.channels.base import OutboundMessage
from services.notifier.domain.messages import Message
from services.notifier.domain.quiet_hours import sending_deadline
from shared.contracts.values import Template
from shared.runtime.core import LinkPurpose, LinkTokenKeys

_PURPOSES: dict[str, LinkPurpose] = {
    Template.VERIFY: "verify",
    Template.VERIFY_REMINDER: "verify",
    Template.INVITE: "join",
    Template.INVITE_REMINDER: "join",
}


@dataclass(frozen=True, slots=True)
class MessageComposer:
    """Composer of outbound messages. It derives each link when the message is sent; no stored row holds one."""

    public_url: str
    keys: LinkTokenKeys

    def derive_link(self, message: Message) -> str:
        """Return the link of a message, the same on every attempt. Raises KeyError for a key that is not installed."""
        purpose = _PURPOSES[message.template]
        token = self.keys.derive(purpose, message.invitation_id, message.generation, message.token_key_id)
        return f"{self.public_url}/{purpose}/{token}"

    def compose(
        self,
        message: Message,
        now: datetime,
        is_held: Callable[[], bool],
        on_interruptible: Callable[[bool], None] = lambda _: None,
    ) -> OutboundMessage:
        """Return the message as it is sent at `now`; the callables: see `OutboundMessage`. Raises KeyError as above."""
        return OutboundMessage(
            message_id=message.message_id,
            template=message.template,
            language=message.language,
            address=message.recipient.address,
            name=message.recipient.name,
            school_name=message.school_name,
            link=self.derive_link(message),
            expires_at=message.expires_at,
            timezone=message.timezone,
            valid_seconds=(sending_deadline(message, now) - now).total_seconds(),
            is_held=is_held,
            on_interruptible=on_interruptible,
        )

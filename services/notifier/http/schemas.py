"""Response models of the routes for staff."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel


class Recipient(BaseModel):
    """Recipient of a message."""

    address: str
    name: str


class Attempt(BaseModel):
    """One attempt. `detail` is the provider's answer."""

    number: int
    began_at: datetime | None
    ended_at: datetime
    verdict: Literal["sent", "refused", "try_later", "unavailable", "unknown", "interrupted"]
    code: str
    detail: str


class MessageItem(BaseModel):
    """One message and its state. `reason` is a sentence for staff, empty while there is nothing to explain."""

    message_id: UUID
    parent_id: UUID
    invitation_id: UUID
    generation: int
    channel: Literal["email", "sms", "whatsapp"]
    template: Literal["verify", "invite", "verify_reminder", "invite_reminder"]
    state: Literal[
        "queued", "sending", "failed_temporary", "sent", "delivered", "failed_permanent", "unknown"
    ]
    code: str
    reason: str
    recipient: Recipient
    language: str
    queued_at: datetime
    next_attempt_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime
    attempts: list[Attempt]


class MessagePage(BaseModel):
    """A page of messages, newest first."""

    items: list[MessageItem]
    next: str | None

"""Builder of outbound messages for tests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from services.notifier.channels.base import OutboundMessage

LINK = "https://kinvite.example/verify/abcdefghijklmnopqrstuv"
EXPIRY = datetime(2026, 3, 7, 13, 5, tzinfo=UTC)


def outbound_message(**changes: Any) -> OutboundMessage:
    """Return a verification e-mail to Maria Lopez, with `changes`."""
    fields = {
        "message_id": UUID("018f2f6e-0000-7000-8000-000000000001"),
        "template": "verify",
        "language": "en",
        "address": "maria@example.org",
        "name": "Maria Lopez",
        "school_name": "Forest School",
        "link": LINK,
        "expires_at": EXPIRY,
        "timezone": "Europe/Berlin",
    }
    return OutboundMessage(**{**fields, **changes})

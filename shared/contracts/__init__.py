"""Contracts: every message that crosses a service boundary, the topics, and the wire format."""

from __future__ import annotations

from shared.contracts import dashboard, invitations, notifier, roster, signup
from shared.contracts.message import Message, all_messages, contract_of, message_for

__all__ = [
    "Message",
    "all_messages",
    "contract_of",
    "dashboard",
    "invitations",
    "message_for",
    "notifier",
    "roster",
    "signup",
]

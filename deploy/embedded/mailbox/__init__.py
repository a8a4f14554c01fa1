"""The mailbox: servers that accept e-mail and text messages, send nothing on, and show them by page and API."""

from __future__ import annotations

from deploy.embedded.mailbox.mailbox import Mailbox

__all__ = ["Mailbox"]

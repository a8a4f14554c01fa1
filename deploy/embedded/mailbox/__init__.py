"""The mailbox: servers for e-mail and text messages that store everything, send nothing, and show it by page and API."""

from __future__ import annotations

from deploy.embedded.mailbox.mailbox import Mailbox

__all__ = ["Mailbox"]

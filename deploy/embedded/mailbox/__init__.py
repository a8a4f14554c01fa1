"""What would have been sent: servers that keep every mail and text, with a page and a JSON list to read them."""

from deploy.embedded.mailbox.mailbox import Mailbox

__all__ = ["Mailbox"]

"""What would have been sent: an SMTP server that keeps every mail, with a page and a JSON list to read them."""

from deploy.embedded.mailbox.mailbox import Mailbox

__all__ = ["Mailbox"]

"""The mailbox as Twilio: how a channel reaches it."""

from deploy.embedded.mailbox import Mailbox
from deploy.embedded.mailbox.whatsapp_templates import content_sids
from services.notifier.channels.twilio import TwilioSettings


def settings_of(mailbox: Mailbox) -> TwilioSettings:
    """The account and address of this mailbox; nobody takes its reports."""
    return TwilioSettings(
        mailbox.account.sid,
        mailbox.account.token,
        "+15550100200",
        "http://localhost/notifier/hooks/twilio/status",
        base_url=mailbox.twilio_url,
        request_seconds=5.0,
        content_sids=content_sids(),
    )

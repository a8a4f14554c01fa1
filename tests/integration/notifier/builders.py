"""Builders of commands, and of the settings of Twilio channels, for tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from deploy.embedded.mailbox import Mailbox
from deploy.embedded.mailbox.whatsapp_templates import content_sids
from services.notifier.channels.twilio.client import TwilioSettings
from services.notifier.use_cases.compose_message import MessageComposer
from shared.contracts.envelope import Attributes, Received
from shared.contracts.notifier import SendMessage
from shared.runtime.core import LinkTokenKeys, new_id
from tests.support.apps import PUBLIC_URL, TOKEN_KEYS

SCHOOL = UUID("00000000-0000-7000-8000-00000000000a")
KEYS = LinkTokenKeys.from_setting(TOKEN_KEYS)
COMPOSER = MessageComposer(PUBLIC_URL, KEYS)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def command(**changes: Any) -> SendMessage:
    """Return a command to send a verification e-mail, with `changes`; `address` and `name` are the recipient's."""
    recipient = {
        "address": changes.pop("address", "maria@example.org"),
        "name": changes.pop("name", "Maria Lopez"),
    }
    fields = {
        "message_id": new_id(),
        "template": "verify",
        "channel": "email",
        "recipient": recipient,
        "language": "en",
        "school_name": "Forest School",
        "timezone": "Europe/Berlin",
        "parent_id": new_id(),
        "invitation_id": new_id(),
        "generation": 1,
        "token_key_id": "k1",
        "expires_at": datetime.now(UTC) + timedelta(days=7),
    }
    return SendMessage.model_validate({**fields, **changes})


def received(data: SendMessage, *, school_id: UUID = SCHOOL) -> Received[SendMessage]:
    """Return the command as a consumer's handler receives it."""
    attributes = Attributes(
        id=str(new_id()),
        source="/kinvite/invitations",
        type=data.contract.type,
        subject=data.key,
        school_id=school_id,
        version=1,
        time=datetime.now(UTC),
        traceparent=TRACE,
    )
    return Received(data, attributes)


def twilio_settings(mailbox: Mailbox) -> TwilioSettings:
    """Return settings for the mailbox's Twilio server; nothing receives its delivery reports."""
    return TwilioSettings(
        mailbox.account.sid,
        mailbox.account.token,
        "+15550100200",
        "http://localhost/notifier/hooks/twilio/status",
        base_url=mailbox.twilio_url,
        request_seconds=5.0,
        content_sids=content_sids(),
    )

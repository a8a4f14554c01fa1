"""E-mail channel over SMTP."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.headerregistry import Address
from functools import lru_cache
from types import TracebackType
from typing import Self

from services.notifier.channels.base import OutboundMessage, Receipt, Refused
from services.notifier.channels.catalogues import get_catalogue, greeting, shared_values
from services.notifier.channels.email.mime import EmailTemplate, Headers
from services.notifier.channels.email.smtp_pool import SmtpPool
from services.notifier.channels.email.smtp_session import SmtpMessage, SmtpSession, TimeLimits, open_session
from services.notifier.channels.sanitise import BadAddressError, encode_mailbox, sanitise_name
from services.notifier.settings import SmtpServer


@dataclass(frozen=True, slots=True)
class EmailSettings:
    """Settings of the channel: `sender` is the From address, `helo_name` the host name in EHLO."""

    server: SmtpServer
    sender: Address
    helo_name: str
    connections: int = 8
    limits: TimeLimits = field(default_factory=TimeLimits)
    ca_file: str | None = None


class EmailChannel:
    """Channel that sends over a pool of SMTP sessions.

    Every attempt for a message has the same Message-ID, so that email programs show a repeated message once.
    """

    def __init__(self, settings: EmailSettings) -> None:
        self._settings = settings
        self._sender = settings.sender.addr_spec
        self._domain = settings.sender.domain
        self._tls: ssl.SSLContext | None = None
        self._pool = SmtpPool(self._open_session, settings.connections)
        self._template = lru_cache(maxsize=256)(self._build_template)

    async def __aenter__(self) -> Self:
        if self._settings.server.security != "plain":
            self._tls = ssl.create_default_context(cafile=self._settings.ca_file)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._pool.close()

    async def send(self, message: OutboundMessage) -> Receipt:
        """Hand the message over to the server; see `Channel.send`."""
        try:
            recipient = encode_mailbox(message.address)
        except BadAddressError:
            raise Refused("bad_address", "The address is not written correctly.") from None
        content = self._compose(message, recipient)
        envelope = SmtpMessage(self._sender, recipient, content, message.is_held, message.on_interruptible)
        return Receipt(await self._pool.deliver(envelope))

    def _compose(self, message: OutboundMessage, recipient: str) -> bytes:
        name = sanitise_name(message.name)
        headers = Headers(
            name=name,
            address=recipient,
            message_id=f"{message.message_id.hex}@{self._domain}",
            date=datetime.now(UTC).replace(microsecond=0),
        )
        language: str = get_catalogue(message.language)["language"]
        prepared = self._template(language, message.template).prepare(*shared_values(message))
        return prepared.to_bytes(headers, greeting(message.language, name), message.link)

    def _build_template(self, language: str, template: str) -> EmailTemplate:
        return EmailTemplate(self._settings.sender, language, template)

    async def _open_session(self) -> SmtpSession:
        settings = self._settings
        return await open_session(
            settings.server, settings.limits, tls=self._tls, helo_name=settings.helo_name
        )

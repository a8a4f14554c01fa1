"""E-mail, by SMTP."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.headerregistry import Address
from functools import lru_cache
from types import TracebackType
from typing import Self

from services.notifier.channels.base import Letter, Receipt, Refused
from services.notifier.channels.mime import Headers, Skeleton
from services.notifier.channels.opening import open_session
from services.notifier.channels.pipelining import Mail, Pipelining
from services.notifier.channels.pool import SessionPool
from services.notifier.channels.safe import BadAddressError, mailbox, tame
from services.notifier.channels.smtp import Session, TimeLimits
from services.notifier.channels.words import catalogue, greeting, run_values
from services.notifier.settings import SmtpServer

MAILS_PER_SESSION = 2
"""One under way, and one that waits behind it, whose envelope goes along with its content."""


@dataclass(frozen=True, slots=True)
class EmailSettings:
    """How mail leaves. `sender` is what parents see; `helo_name` how we name ourselves to the server."""

    server: SmtpServer
    sender: Address
    helo_name: str
    connections: int = 8
    limits: TimeLimits = field(default_factory=TimeLimits)
    ca_file: str | None = None


class EmailChannel:
    """Sends letters over a pool of SMTP sessions.

    Every attempt for a message carries the same Message-ID, so that mail programs show a repeated one once.
    """

    def __init__(self, settings: EmailSettings) -> None:
        self._settings = settings
        self._sender = settings.sender.addr_spec
        self._domain = settings.sender.domain
        self._tls: ssl.SSLContext | None = None
        self._pipelining = Pipelining()
        self._pool = SessionPool(self._open_session, settings.connections)
        self._skeleton = lru_cache(maxsize=256)(self._build_skeleton)

    async def __aenter__(self) -> Self:
        if self._settings.server.security != "plain":
            self._tls = ssl.create_default_context(cafile=self._settings.ca_file)
        await self._pool.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._pool.__aexit__(kind, error, trace)

    async def send(self, letter: Letter) -> Receipt:
        """See `Channel.send`."""
        try:
            recipient = mailbox(letter.address)
        except BadAddressError:
            raise Refused("bad_address", "The address is not written correctly.") from None
        mail = self._mail(letter, recipient)
        return Receipt(await self._pool.deliver(Mail(self._sender, recipient, mail, letter.ours)))

    def _mail(self, letter: Letter, recipient: str) -> bytes:
        name = tame(letter.name)
        headers = Headers(
            name=name,
            address=recipient,
            message_id=f"{letter.message_id.hex}@{self._domain}",
            date=datetime.now(UTC).replace(microsecond=0),
        )
        language: str = catalogue(letter.language)["language"]
        sheet = self._skeleton(language, letter.template).sheet(*run_values(letter))
        return sheet.mail(headers, greeting(letter.language, name), letter.link)

    def _build_skeleton(self, language: str, template: str) -> Skeleton:
        return Skeleton(self._settings.sender, language, template)

    async def _open_session(self) -> Session:
        settings = self._settings
        return await open_session(
            settings.server,
            settings.limits,
            self._pipelining,
            tls=self._tls,
            helo_name=settings.helo_name,
        )

"""Real SMTP server for tests: it keeps the messages it accepts, and misbehaves per recipient as configured."""

import asyncio
import ssl
import warnings
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Literal

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

CERTIFICATE = Path(__file__).parent / "certificates" / "localhost.pem"
Fault = Literal["hang", "drop", "keep_then_hang", "keep_then_drop"]
Security = Literal["plain", "starttls", "tls"]


class SmtpServer:
    """SMTP server with a record of what happened. Replies and faults to give are used up one by one."""

    def __init__(self, *, pipelining: bool = False) -> None:
        self.port = 0
        self.pipelining = pipelining
        self.kept: list[tuple[str, EmailMessage]] = []
        self.at_sender: list[str] = []
        self.at_rcpt: dict[str, list[str]] = defaultdict(list)
        self.at_data: dict[str, list[str]] = defaultdict(list)
        self.sessions = 0
        self.senders: list[str] = []
        self.signed_in: list[str] = []
        self._transports: list[asyncio.Transport] = []
        self._server: asyncio.Server | None = None
        self._never = asyncio.Event()

    def messages_to(self, address: str) -> list[EmailMessage]:
        """Return the messages kept for an address, in order."""
        return [email for recipient, email in self.kept if recipient == address]

    def hang_up(self) -> None:
        """Cut every connection."""
        for transport in self._transports:
            transport.abort()
        self._transports.clear()

    def refuse_connections(self) -> None:
        """Refuse new connections, and keep those that are open."""
        assert self._server is not None
        self._server.close()

    async def handle_EHLO(  # noqa: N802 (the name is aiosmtpd's)
        self, _server: SMTP, session: Session, _envelope: Envelope, name: str, replies: list[str]
    ) -> list[str]:
        session.host_name = name
        return [*replies[:-1], "250-PIPELINING", replies[-1]] if self.pipelining else replies

    async def handle_MAIL(  # noqa: N802 (the name is aiosmtpd's)
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.at_sender:
            return self.at_sender.pop(0)
        self.senders.append(address)
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        answer = await self._misbehave(server, self.at_rcpt[address])
        if answer is None:
            envelope.rcpt_tos.append(address)
        return answer or "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        address = envelope.rcpt_tos[0]
        faults = self.at_data[address]
        if not faults or faults[0].startswith("keep_then"):
            email = message_from_bytes(envelope.content or b"", policy=policy.SMTP)  # type: ignore[arg-type]
            assert isinstance(email, EmailMessage)
            self.kept.append((address, email))
        return await self._misbehave(server, faults) or "250 2.0.0 kept"

    async def _misbehave(self, server: SMTP, faults: list[str]) -> str | None:
        fault = faults.pop(0) if faults else None
        if fault in ("hang", "keep_then_hang"):
            await self._never.wait()
        if fault in ("drop", "keep_then_drop"):
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
        return fault

    def authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, kind: str, data: Any
    ) -> AuthResult:
        """Accept only `kinvite` with `pass word`."""
        assert isinstance(data, LoginPassword)
        is_known = (data.login, data.password) == (b"kinvite", b"pass word")
        if is_known:
            self.signed_in.append(kind)
        return AuthResult(success=is_known, handled=False)

    async def start(self, security: Security = "plain", *, sign_in: bool = False) -> None:
        """Listen on 127.0.0.1, on the same port as before if there was one."""
        context: ssl.SSLContext | None = None
        if security != "plain":
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(CERTIFICATE, CERTIFICATE.with_suffix(".key"))

        def session() -> SMTP:
            self.sessions += 1
            with warnings.catch_warnings(action="ignore"):  # it does not see TLS from the first byte
                return _Recorded(
                    self,
                    self._transports,
                    hostname="test",
                    tls_context=context if security == "starttls" else None,
                    require_starttls=security == "starttls",
                    authenticator=self.authenticate if sign_in else None,
                    auth_required=sign_in,
                    auth_require_tls=False,
                )

        self._server = await asyncio.get_running_loop().create_server(
            session, "127.0.0.1", self.port, ssl=context if security == "tls" else None
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Cut every connection and refuse new ones."""
        self._never.set()
        if self._server is not None:
            self._server.close()
            self.hang_up()
            self._server = None
        self._never = asyncio.Event()


class _Recorded(SMTP):
    def __init__(self, handler: SmtpServer, transports: list[asyncio.Transport], **options: Any) -> None:
        super().__init__(handler, **options)
        self._open = transports

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._open.append(transport)


@asynccontextmanager
async def smtp_server(
    security: Security = "plain", *, sign_in: bool = False, pipelining: bool = False
) -> AsyncIterator[SmtpServer]:
    """Run a server while the block is open."""
    server = SmtpServer(pipelining=pipelining)
    await server.start(security, sign_in=sign_in)
    try:
        yield server
    finally:
        await server.stop()


@asynccontextmanager
async def silent_server() -> AsyncIterator[int]:
    """Run a server that accepts connections and sends nothing; yield its port."""
    writers: list[asyncio.StreamWriter] = []

    async def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()

"""One SMTP session: opening it, and handing over one mail, with a time limit for every phase."""

from __future__ import annotations

import ssl
from dataclasses import dataclass

from aiosmtplib import SMTP
from aiosmtplib.errors import (
    SMTPException,
    SMTPHeloError,
    SMTPResponseException,
    SMTPServerDisconnected,
    SMTPTimeoutError,
)

from services.notifier.channels.base import OutcomeUnknown, SendError, TryLater, Unavailable
from services.notifier.channels.replies import Stage, error_for
from services.notifier.settings import SmtpServer

_START_INPUT = 354
_CLOSING = 421


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """Seconds that the server may take: to accept a connection and greet, to answer a command, to take the mail over.

    After the final dot a server may already have the mail, so that one is the most generous (RFC 5321, 4.5.3.2.6).
    """

    connect_seconds: float = 10.0
    command_seconds: float = 30.0
    data_seconds: float = 60.0


class StaleSession(Exception):
    """The server ended a session that was kept for reuse, before it heard of this mail: take another one."""


class Session:
    """An open session. One task uses it at a time."""

    def __init__(self, client: SMTP, limits: TimeLimits) -> None:
        self._client = client
        self._limits = limits
        self._used = False

    @classmethod
    async def open(
        cls, server: SmtpServer, limits: TimeLimits, *, tls: ssl.SSLContext | None, helo_name: str
    ) -> Session:
        """Connect, protect, greet and sign in. Raises Unavailable, whatever goes wrong."""
        client = SMTP(
            hostname=server.host,
            port=server.port,
            username=server.username,
            password=server.password,
            local_hostname=helo_name,
            timeout=limits.command_seconds,
            use_tls=server.security == "tls",
            start_tls=server.security == "starttls",
            tls_context=tls,
        )
        try:
            await client.connect(timeout=limits.connect_seconds)
            if client.is_ehlo_or_helo_needed:
                await _greet(client)
        except SMTPResponseException as error:
            client.close()
            raise error_for(Stage.CONNECT, error.code, error.message) from None
        except (SMTPException, OSError, ValueError) as error:
            client.close()
            raise _unavailable(error) from None
        return cls(client, limits)

    @property
    def alive(self) -> bool:
        """Whether the connection still stands, as far as is known."""
        return self._client.is_connected

    async def deliver(self, sender: str, recipient: str, mail: bytes) -> str:
        """Hand one mail over and answer the server's words.

        `mail` has CRLF line ends. Raises the errors of `channels.base`; and StaleSession.
        """
        await self._envelope(sender, recipient)
        stuffed = mail.replace(b"\r\n.", b"\r\n..")
        protocol = self._client.protocol
        if protocol is None:
            raise TryLater("connection_lost", "The mail server hung up.")
        try:
            protocol.write(stuffed + b".\r\n")
            answer = await protocol.read_response(timeout=self._limits.data_seconds)
        except (SMTPException, OSError) as error:
            self.abort()
            code = "timeout" if isinstance(error, SMTPTimeoutError) else "connection_lost"
            reason = "The mail server did not say whether it took the mail."
            raise OutcomeUnknown(code, reason, detail=str(error)) from None
        if not 200 <= answer.code <= 299:
            raise error_for(Stage.DATA, answer.code, answer.message)
        return f"{answer.code} {answer.message}"

    async def _envelope(self, sender: str, recipient: str) -> None:
        reused, self._used = self._used, True
        stage = Stage.SENDER
        try:
            await self._client.mail(sender)
            stage = Stage.RECIPIENT
            await self._client.rcpt(recipient)
            stage = Stage.DATA
            answer = await self._client.execute_command(b"DATA")
        except SMTPResponseException as error:
            if reused and stage is Stage.SENDER and error.code == _CLOSING:
                raise StaleSession from None
            raise error_for(stage, error.code, error.message) from None
        except (SMTPException, OSError) as error:
            if reused and stage is Stage.SENDER and isinstance(error, SMTPServerDisconnected):
                raise StaleSession from None
            raise _unavailable(error) if stage is Stage.SENDER else _interrupted(error) from None
        if answer.code != _START_INPUT:
            raise error_for(stage, answer.code, answer.message)

    async def reset(self) -> bool:
        """Forget a refused mail, so that the session can be used again; answers whether it can."""
        try:
            await self._client.rset(timeout=self._limits.connect_seconds)
        except (SMTPException, OSError):
            self.abort()
        return self.alive

    async def quit(self) -> None:
        """Take leave politely, in at most two seconds."""
        try:
            await self._client.quit(timeout=2.0)
        except (SMTPException, OSError):
            self.abort()

    def abort(self) -> None:
        """Hang up."""
        self._client.close()


async def _greet(client: SMTP) -> None:
    try:
        await client.ehlo()
    except SMTPHeloError:
        await client.helo()


def _unavailable(error: Exception) -> SendError:
    if isinstance(error, SMTPTimeoutError):
        return Unavailable("timeout", "The mail server does not answer in time.", detail=str(error))
    if isinstance(error, ssl.SSLError) or isinstance(error.__cause__, ssl.SSLError):
        return Unavailable(
            "tls", "The mail server's certificate or encryption is not acceptable.", detail=str(error)
        )
    if type(error) is SMTPException or isinstance(error, ValueError):
        return Unavailable(
            "setup", "The mail server does not offer what the settings ask for.", detail=str(error)
        )
    return Unavailable("no_connection", "The mail server cannot be reached.", detail=str(error))


def _interrupted(error: Exception) -> SendError:
    if isinstance(error, SMTPTimeoutError):
        return TryLater("timeout", "The mail server did not answer in time.", detail=str(error))
    return TryLater("connection_lost", "The mail server hung up before it took the mail.", detail=str(error))

"""SMTP session: one connection to the server, on which messages are handed over one after the other."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

from aiosmtplib import (
    SMTP,
    SMTPException,
    SMTPHeloError,
    SMTPResponse,
    SMTPResponseException,
    SMTPServerDisconnected,
    SMTPStatus,
    SMTPTimeoutError,
)

from services.notifier.channels.base import LeaseLost, OutcomeUnknown, SendError, TryLater, Unavailable
from services.notifier.channels.email.smtp_errors import Stage, error_for
from services.notifier.settings import SmtpServer

QUIT_SECONDS = 2.0
_END_OF_DATA = b".\r\n"


class StaleSessionError(Exception):
    """Error of a session that the server ended before it received the message: another session must be used."""


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """Seconds that the server may take to accept a connection and greet, to answer a command, and to take a message.

    A server may already have the message after the final dot, so that limit is the longest (RFC 5321, 4.5.3.2.6).
    """

    connect_seconds: float = 10.0
    command_seconds: float = 30.0
    data_seconds: float = 60.0


@dataclass(frozen=True, slots=True, eq=False)
class SmtpMessage:
    """An e-mail message and its envelope.

    `content` has CRLF line ends. The addresses are ASCII, without blank, bracket or control character. `is_held`
    returns whether the sender still holds the message; it is called before the content is sent. `on_interruptible`:
    see `OutboundMessage`.
    """

    sender: str
    recipient: str = field(repr=False)
    content: bytes = field(repr=False)
    is_held: Callable[[], bool] = field(default=lambda: True, repr=False)
    on_interruptible: Callable[[bool], None] = field(default=lambda _: None, repr=False)


async def open_session(
    server: SmtpServer, limits: TimeLimits, *, tls: ssl.SSLContext | None, helo_name: str
) -> SmtpSession:
    """Connect, encrypt, greet and sign in, as the settings require. Raises Unavailable for every failure."""
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
        raise _connect_error(error) from None
    return SmtpSession(client, limits)


class SmtpSession:
    """An open session. Only one task uses it at a time.

    A failure before the final dot of the content means that the message was not sent; after it, a missing answer means
    that the outcome is unknown.
    """

    def __init__(self, client: SMTP, limits: TimeLimits) -> None:
        self._client = client
        self._limits = limits
        self._is_reused = False

    @property
    def is_connected(self) -> bool:
        """Whether the connection is open, as far as is known."""
        return self._client.is_connected

    async def deliver(self, message: SmtpMessage) -> str:
        """Hand one message over and return the server's answer.

        Raises the errors of `channels.base`, and StaleSessionError if the server ended the session before it received
        anything about the message.
        """
        await self._send_envelope(message)
        if not message.is_held():
            self.close()
            raise LeaseLost
        message.on_interruptible(False)
        response = await self._send_content(message.content)
        if not 200 <= response.code <= 299:
            raise error_for(Stage.DATA, response.code, response.message)
        return f"{response.code} {response.message}"

    async def reset(self) -> bool:
        """Reset the session after a refused message; return whether it can be used again."""
        try:
            await self._client.rset(timeout=self._limits.connect_seconds)
        except SMTPException:
            return False
        return self.is_connected

    async def quit(self) -> None:
        """Send QUIT and close the connection, within two seconds."""
        try:
            await self._client.quit(timeout=QUIT_SECONDS)
        except SMTPException:
            pass
        finally:
            self.close()

    def close(self) -> None:
        """Close the connection without QUIT."""
        self._client.close()

    async def _send_envelope(self, message: SmtpMessage) -> None:
        """Send the commands of the envelope and DATA, each after the reply to the one before."""
        is_reused, self._is_reused = self._is_reused, True
        for stage, command in (
            (Stage.SENDER, f"MAIL FROM:<{message.sender}>"),
            (Stage.RECIPIENT, f"RCPT TO:<{message.recipient}>"),
            (Stage.DATA, "DATA"),
        ):
            if stage is Stage.RECIPIENT:
                message.on_interruptible(True)
            try:
                response = await self._execute(command)
            except (SMTPServerDisconnected, SMTPTimeoutError) as error:
                if is_reused and stage is Stage.SENDER and not isinstance(error, SMTPTimeoutError):
                    raise StaleSessionError from None
                raise _interruption(stage, error) from None
            if not _is_positive(stage, response):
                if is_reused and stage is Stage.SENDER and response.code == SMTPStatus.domain_unavailable:
                    raise StaleSessionError
                raise error_for(stage, response.code, response.message)

    async def _execute(self, command: str) -> SMTPResponse:
        """Execute a command and return the reply. A malformed reply has the code -1 and closes the connection."""
        try:
            return await self._client.execute_command(
                command.encode("ascii"), timeout=self._limits.command_seconds
            )
        except SMTPResponseException as error:
            self.close()
            return SMTPResponse(error.code, error.message)

    async def _send_content(self, content: bytes) -> SMTPResponse:
        """Send the content with leading dots doubled, and return the answer to the final dot.

        `SMTP.data` would send DATA and the content under one time limit, and would not distinguish a failure before
        the content from one after it.
        """
        protocol = self._client.protocol
        try:
            if protocol is None:
                raise SMTPServerDisconnected("Connection lost")
            protocol.write(content.replace(b"\r\n.", b"\r\n..") + _END_OF_DATA)
        except SMTPServerDisconnected as error:
            raise _interruption(Stage.DATA, error) from None
        try:
            return await protocol.read_response(timeout=self._limits.data_seconds)
        except SMTPException as error:
            self.close()
            code = "timeout" if isinstance(error, SMTPTimeoutError) else "connection_lost"
            reason = "The mail server did not say whether it took the mail."
            raise OutcomeUnknown(code, reason, detail=str(error)) from None


def _is_positive(stage: Stage, response: SMTPResponse) -> bool:
    if stage is Stage.DATA:
        return response.code == SMTPStatus.start_input
    return 200 <= response.code <= 299


async def _greet(client: SMTP) -> None:
    try:
        await client.ehlo()
    except SMTPHeloError:
        await client.helo()


def _connect_error(error: Exception) -> SendError:
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


def _interruption(stage: Stage, error: SMTPException) -> SendError:
    """Return the error of a connection that broke before the content was sent.

    Before the first reply no message is the cause; afterwards the message may be, so others are still tried.
    """
    is_timeout = isinstance(error, SMTPTimeoutError)
    if stage is Stage.SENDER:
        if is_timeout:
            return Unavailable("timeout", "The mail server does not answer in time.", detail=str(error))
        return Unavailable("no_connection", "The mail server cannot be reached.", detail=str(error))
    if is_timeout:
        return TryLater("timeout", "The mail server did not answer in time.", detail=str(error))
    return TryLater("connection_lost", "The mail server hung up before it took the mail.", detail=str(error))

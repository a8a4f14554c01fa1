"""Opening an SMTP session: aiosmtplib connects, protects, greets and signs in."""

from __future__ import annotations

import asyncio
import ssl
from typing import cast

from aiosmtplib import SMTP
from aiosmtplib.errors import (
    SMTPException,
    SMTPHeloError,
    SMTPResponseException,
    SMTPServerDisconnected,
    SMTPTimeoutError,
)

from services.notifier.channels.base import SendError, Unavailable
from services.notifier.channels.dialogue import Dialogue
from services.notifier.channels.pipelining import Pipelining
from services.notifier.channels.replies import Stage, error_for
from services.notifier.channels.smtp import Session, TimeLimits
from services.notifier.settings import SmtpServer


async def open_session(
    server: SmtpServer,
    limits: TimeLimits,
    pipelining: Pipelining,
    *,
    tls: ssl.SSLContext | None,
    helo_name: str,
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
        if client.transport is None:
            raise SMTPServerDisconnected("Connection lost")
    except SMTPResponseException as error:
        client.close()
        raise error_for(Stage.CONNECT, error.code, error.message) from None
    except (SMTPException, OSError, ValueError) as error:
        client.close()
        raise _unavailable(error) from None
    dialogue = Dialogue(cast(asyncio.Transport, client.transport))
    return Session(dialogue, limits, pipelining, offered=client.supports_extension("pipelining"))


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

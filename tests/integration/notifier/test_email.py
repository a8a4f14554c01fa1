"""E-mail over a real SMTP server, and the errors when the server misbehaves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.headerregistry import Address
from typing import Any
from uuid import UUID

import pytest

from services.notifier.channels.base import OutcomeUnknown, Refused, TryLater, Unavailable
from services.notifier.channels.email.channel import EmailChannel, EmailSettings
from services.notifier.channels.email.smtp_session import TimeLimits
from services.notifier.settings import SmtpServer as Server
from tests.integration.notifier.smtp_server import CERTIFICATE, SmtpServer, silent_server, smtp_server
from tests.unit.notifier.builders import LINK, outbound_message

MARIA = "maria@example.org"
LIMITS = TimeLimits(connect_seconds=3, command_seconds=3, data_seconds=3)


@asynccontextmanager
async def _email(
    port: int, *, security: Any = "plain", connections: int = 1, **server: Any
) -> AsyncIterator[EmailChannel]:
    settings = EmailSettings(
        Server(server.pop("host", "127.0.0.1"), port, security, **server),
        Address("Kinvite", "no-reply", "kinvite.example"),
        "kinvite.example",
        connections=connections,
        limits=LIMITS,
        ca_file=str(CERTIFICATE),
    )
    async with EmailChannel(settings) as channel:
        yield channel


@pytest.fixture(params=[False, True], ids=["one by one", "pipelined"])
async def server(request: pytest.FixtureRequest) -> AsyncIterator[SmtpServer]:
    async with smtp_server(pipelining=request.param) as running:
        yield running


@pytest.fixture
async def channel(server: SmtpServer) -> AsyncIterator[EmailChannel]:
    async with _email(server.port) as opened:
        yield opened


async def test_p6_the_email_arrives_as_written(server: SmtpServer, channel: EmailChannel) -> None:
    receipt = await channel.send(
        outbound_message(name="Jörg Müller", school_name="Grundschule am Wald, Köln")
    )
    [email] = server.messages_to(MARIA)
    assert receipt.detail == "250 2.0.0 kept"
    assert server.senders == ["no-reply@kinvite.example"]
    assert email["Subject"] == "Grundschule am Wald, Köln: please confirm your e-mail address"
    assert email["To"].addresses[0].display_name == "Jörg Müller"
    assert email["Message-ID"] == "<018f2f6e000070008000000000000001@kinvite.example>"
    for part in email.iter_parts():
        assert LINK in part.get_content()
        assert "Jörg Müller" in part.get_content()


async def test_a_line_that_begins_with_a_dot_survives(server: SmtpServer, channel: EmailChannel) -> None:
    await channel.send(outbound_message(school_name=". . .school"))
    html = list(server.messages_to(MARIA)[0].iter_parts())[1].get_content().replace("\r\n", "\n")
    assert "\n. . .school\n" in html


async def test_one_connection_carries_many_messages(server: SmtpServer, channel: EmailChannel) -> None:
    for number in range(5):
        await channel.send(outbound_message(message_id=UUID(int=number)))
    assert (len(server.kept), server.sessions) == (5, 1)


async def test_a_refusal_leaves_the_connection_usable(server: SmtpServer, channel: EmailChannel) -> None:
    server.at_rcpt["gone@example.org"] = ["550 5.1.1 no such user"]
    server.at_data["spam@example.org"] = ["554 5.7.1 spam"]
    for address in ("gone@example.org", "spam@example.org"):
        with pytest.raises(Refused):
            await channel.send(outbound_message(address=address))
    await channel.send(outbound_message())
    assert (len(server.kept), server.sessions) == (1, 1)


async def test_a_connection_that_the_server_closed_is_replaced_unnoticed(
    server: SmtpServer, channel: EmailChannel
) -> None:
    await channel.send(outbound_message())
    server.hang_up()
    await channel.send(outbound_message())
    assert (len(server.kept), server.sessions) == (2, 2)


async def test_a_session_limit_of_the_server_is_met_with_a_new_session(
    server: SmtpServer, channel: EmailChannel
) -> None:
    await channel.send(outbound_message())
    server.at_sender = ["421 4.7.0 too many mails in this session"]
    await channel.send(outbound_message())
    assert (len(server.kept), server.sessions) == (2, 2)


async def test_a_refused_sender_blames_the_channel(server: SmtpServer, channel: EmailChannel) -> None:
    server.at_sender = ["550 5.7.1 not you"]
    with pytest.raises(Unavailable) as caught:
        await channel.send(outbound_message())
    assert caught.value.code == "5.7.1"


@pytest.mark.parametrize("fault", ["hang", "drop"])
async def test_a_break_before_the_content_is_safe_to_repeat(
    server: SmtpServer, channel: EmailChannel, fault: str
) -> None:
    server.at_rcpt[MARIA] = [fault]
    with pytest.raises(TryLater):
        await channel.send(outbound_message())
    await channel.send(outbound_message())
    assert len(server.kept) == 1


@pytest.mark.parametrize("fault", ["hang", "drop", "keep_then_hang", "keep_then_drop"])
async def test_i32_a_break_after_the_final_dot_is_ambiguous(
    server: SmtpServer, channel: EmailChannel, fault: str
) -> None:
    server.at_data[MARIA] = [fault]
    with pytest.raises(OutcomeUnknown):
        await channel.send(outbound_message())
    await channel.send(outbound_message())
    assert len({email["Message-ID"] for email in server.messages_to(MARIA)}) == 1
    assert len(server.kept) == (2 if fault.startswith("keep") else 1)


async def test_a_silent_server_costs_no_more_than_the_limit() -> None:
    async with silent_server() as port, _email(port) as channel:
        began = time.monotonic()
        with pytest.raises(Unavailable) as caught:
            await channel.send(outbound_message())
        assert time.monotonic() - began < 20, "the library's own limit is a minute"
    assert caught.value.code == "timeout"


async def test_a_refused_connection_is_unavailable(server: SmtpServer) -> None:
    await server.stop()
    async with _email(server.port) as channel:
        with pytest.raises(Unavailable) as caught:
            await channel.send(outbound_message())
    assert caught.value.code == "no_connection"


async def test_a_server_that_takes_fewer_connections_is_sent_to_over_those(server: SmtpServer) -> None:
    async with _email(server.port, connections=4) as channel:
        await channel.send(outbound_message())
        server.refuse_connections()
        await asyncio.gather(*(channel.send(outbound_message(message_id=UUID(int=n))) for n in range(12)))
    assert (len(server.kept), server.sessions) == (13, 1)


@pytest.mark.parametrize("security", ["tls", "starttls"])
async def test_email_travels_encrypted_and_signed_in(security: Any) -> None:
    async with (
        smtp_server(security, sign_in=True) as server,
        _email(server.port, security=security, username="kinvite", password="pass word") as channel,
    ):
        await channel.send(outbound_message())
        assert len(server.kept) == 1
        assert server.signed_in


async def test_a_wrong_password_is_unavailable() -> None:
    async with (
        smtp_server("tls", sign_in=True) as server,
        _email(server.port, security="tls", username="kinvite", password="wrong") as channel,
    ):
        with pytest.raises(Unavailable) as caught:
            await channel.send(outbound_message())
    assert caught.value.code in ("5.7.8", "535")


async def test_a_server_that_stripped_starttls_gets_nothing(server: SmtpServer) -> None:
    async with _email(server.port, security="starttls") as channel:
        with pytest.raises(Unavailable) as caught:
            await channel.send(outbound_message())
    assert caught.value.code == "setup"
    assert server.senders == []


@pytest.mark.parametrize("security", ["tls", "starttls"])
async def test_a_certificate_for_another_name_gets_nothing(security: Any) -> None:
    async with (
        smtp_server(security) as server,
        _email(server.port, security=security, host="127.0.0.2") as channel,
    ):
        with pytest.raises(Unavailable):
            await channel.send(outbound_message())
        assert server.senders == []


async def test_leaving_quits_the_sessions(server: SmtpServer) -> None:
    async with _email(server.port, connections=2) as channel:
        await asyncio.gather(*(channel.send(outbound_message(message_id=UUID(int=n))) for n in range(4)))
    assert len(server.kept) == 4

"""One suite for every channel: the in-memory channel must behave as the real ones do."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from email.headerregistry import Address
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol
from uuid import UUID

import pytest

from deploy.embedded.mailbox.reports import Account, Reporter, Site
from deploy.embedded.mailbox.state import RecipientBehaviour, State
from deploy.embedded.mailbox.store import Store
from deploy.embedded.mailbox.twilio_api import TwilioApi, twilio_server
from deploy.embedded.mailbox.whatsapp_templates import content_sids, template_texts
from services.notifier.channels.base import (
    Channel,
    OutboundMessage,
    OutcomeUnknown,
    Refused,
    SendError,
    TryLater,
    Unavailable,
)
from services.notifier.channels.email.channel import EmailChannel, EmailSettings
from services.notifier.channels.email.smtp_session import TimeLimits
from services.notifier.channels.memory import MemoryChannel
from services.notifier.channels.twilio.client import (
    TwilioChannel,
    TwilioSettings,
    sms_channel,
    whatsapp_channel,
)
from services.notifier.settings import SmtpServer as Server
from tests.integration.notifier.smtp_server import SmtpServer, smtp_server
from tests.support.processes import free_port
from tests.unit.notifier.builders import outbound_message

MARIA, SAM = "maria", "sam"
PUBLIC = Site("http://kinvite.test", "http://127.0.0.1:1")
LIMITS = TimeLimits(connect_seconds=20, command_seconds=20, data_seconds=20)


class World(Protocol):
    """A channel and the provider behind it, whose behaviour is configured per address."""

    refusal: tuple[str, str]

    @property
    def channel(self) -> Channel: ...

    def address(self, name: str) -> str: ...
    def refuse(self, address: str) -> None: ...
    def defer(self, address: str) -> None: ...
    def lose_answer(self, address: str) -> None: ...
    async def go_down(self) -> None: ...
    async def come_back(self) -> None: ...
    def arrived(self, address: str) -> list[str]:
        """Return the message ids of what arrived for an address."""
        ...


class MemoryWorld:
    refusal = ("5.1.1", "There is no mailbox with this address.")

    def address(self, name: str) -> str:
        return f"{name}@example.org"

    def __init__(self, channel: MemoryChannel) -> None:
        self.channel = channel

    def refuse(self, address: str) -> None:
        self.channel.errors[address] = [Refused("5.1.1", "There is no mailbox with this address.")]

    def defer(self, address: str) -> None:
        self.channel.errors[address] = [TryLater("4.7.1", "Later.")]

    def lose_answer(self, address: str) -> None:
        self.channel.errors_after_acceptance[address] = [OutcomeUnknown("connection_lost", "Nobody knows.")]

    async def go_down(self) -> None:
        self.channel.down = Unavailable("no_connection", "The mail server cannot be reached.")

    async def come_back(self) -> None:
        self.channel.down = None

    def arrived(self, address: str) -> list[str]:
        return [message.message_id.hex for message in self.channel.accepted if message.address == address]


class SmtpWorld:
    refusal = ("5.1.1", "There is no mailbox with this address.")

    def address(self, name: str) -> str:
        return f"{name}@example.org"

    def __init__(self, channel: EmailChannel, server: SmtpServer) -> None:
        self.channel = channel
        self._server = server

    def refuse(self, address: str) -> None:
        self._server.at_rcpt[address] = ["550 5.1.1 no such user"]

    def defer(self, address: str) -> None:
        self._server.at_rcpt[address] = ["450 4.7.1 greylisted"]

    def lose_answer(self, address: str) -> None:
        self._server.at_data[address] = ["keep_then_drop"]

    async def go_down(self) -> None:
        await self._server.stop()

    async def come_back(self) -> None:
        await self._server.start()

    def arrived(self, address: str) -> list[str]:
        return [
            email["Message-ID"].strip("<>").partition("@")[0] for email in self._server.messages_to(address)
        ]


class PhoneWorld:
    """The local server with Twilio's API, called by the real client."""

    refusal = ("21614", "This is not a mobile number.")

    def __init__(
        self,
        channel: TwilioChannel,
        state: State,
        server: Callable[[], AbstractAsyncContextManager[int]],
        port: int,
    ) -> None:
        self.channel = channel
        self._state = state
        self._serve = server
        self._stack = AsyncExitStack()
        self.port = port

    def address(self, name: str) -> str:
        return f"+49151{zlib.crc32(name.encode()) % 10**8:08}"

    def refuse(self, address: str) -> None:
        self._state.set_behaviour(RecipientBehaviour(address, "refuse", times=1))

    def defer(self, address: str) -> None:
        self._state.set_behaviour(RecipientBehaviour(address, "refuse", times=1, code=30001))

    def lose_answer(self, address: str) -> None:
        self._state.set_behaviour(RecipientBehaviour(address, "drop", times=1))

    async def go_down(self) -> None:
        await self._stack.aclose()

    async def come_back(self) -> None:
        await self._stack.enter_async_context(self._serve())

    def arrived(self, address: str) -> list[str]:
        message_ids = [
            copy.report_to.partition("message_id=")[2] for copy in self._state.list_texts(address, 100)
        ]
        return [UUID(message_id).hex for message_id in message_ids]


@asynccontextmanager
async def _memory() -> AsyncIterator[World]:
    async with MemoryChannel() as channel:
        yield MemoryWorld(channel)


@asynccontextmanager
async def _smtp() -> AsyncIterator[World]:
    async with smtp_server() as server:
        settings = EmailSettings(
            Server("127.0.0.1", server.port, "plain"),
            Address("Kinvite", "no-reply", "kinvite.example"),
            "kinvite.example",
            connections=3,
            limits=LIMITS,
        )
        async with EmailChannel(settings) as channel:
            yield SmtpWorld(channel, server)


@asynccontextmanager
async def _phone(make: Callable[[TwilioSettings], TwilioChannel]) -> AsyncIterator[World]:
    with TemporaryDirectory() as folder, State(Path(folder) / "play", retention_seconds=60) as state:
        account, port = Account("AC00000000", "token"), free_port()
        async with Store(Path(folder) / "kept") as store, Reporter(state, account, PUBLIC) as reporter:
            phones = TwilioApi(store, state, reporter, account, template_texts())
            settings = TwilioSettings(
                account.sid,
                account.token,
                "+15550100200",
                f"{PUBLIC.public_url}/notifier/hooks/twilio/status",
                base_url=f"http://127.0.0.1:{port}",
                request_seconds=20.0,
                content_sids=content_sids(),
            )
            async with make(settings) as channel:
                world = PhoneWorld(
                    channel, state, lambda: twilio_server(phones, host="127.0.0.1", port=port), port
                )
                await world.come_back()
                yield world
                await world.go_down()


@pytest.fixture(
    params=[_memory, _smtp, partial(_phone, sms_channel), partial(_phone, whatsapp_channel)],
    ids=["memory", "smtp", "sms", "whatsapp"],
)
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    async with request.param() as opened:
        yield opened


def _to(world: World) -> OutboundMessage:
    return outbound_message(address=world.address(MARIA))


async def test_p5_p6_an_invitation_goes_by_every_channel(world: World) -> None:
    await world.channel.send(_to(world))
    assert world.arrived(world.address(MARIA)) == [_to(world).message_id.hex]


async def test_a_repeated_message_has_the_same_identity(world: World) -> None:
    world.lose_answer(world.address(MARIA))
    with pytest.raises(OutcomeUnknown):
        await world.channel.send(_to(world))
    await world.channel.send(_to(world))
    first, second = world.arrived(world.address(MARIA))
    assert first == second


async def test_decision_6_a_hard_bounce_is_refused_with_a_reason(world: World) -> None:
    world.refuse(world.address(MARIA))
    with pytest.raises(Refused) as caught:
        await world.channel.send(_to(world))
    assert (caught.value.code, caught.value.reason) == world.refusal
    assert world.arrived(world.address(MARIA)) == []


async def test_a_deferred_message_may_be_tried_again(world: World) -> None:
    world.defer(world.address(MARIA))
    with pytest.raises(TryLater):
        await world.channel.send(_to(world))
    await world.channel.send(_to(world))
    assert len(world.arrived(world.address(MARIA))) == 1


@pytest.mark.parametrize(
    "address", ["", "maria", "a b@example.org", "maria@example.org\r\nRCPT TO:<x@example.org>"]
)
async def test_a_bad_address_is_refused_before_the_provider_is_called(world: World, address: str) -> None:
    await world.go_down()
    with pytest.raises(Refused) as caught:
        await world.channel.send(outbound_message(address=address))
    assert caught.value.code == "bad_address"


async def test_a_dead_provider_is_unavailable_and_comes_back(world: World) -> None:
    await world.go_down()
    with pytest.raises(Unavailable):
        await world.channel.send(_to(world))
    await world.come_back()
    await world.channel.send(_to(world))
    assert len(world.arrived(world.address(MARIA))) == 1


async def test_one_refusal_does_not_disturb_the_others(world: World) -> None:
    world.refuse(world.address(SAM))
    messages = [outbound_message(message_id=UUID(int=n), address=world.address(f"p{n}")) for n in range(20)]
    answers = await asyncio.gather(
        *(world.channel.send(message) for message in messages),
        world.channel.send(outbound_message(address=world.address(SAM))),
        return_exceptions=True,
    )
    assert [answer for answer in answers if isinstance(answer, BaseException)] == [answers[-1]]
    assert all(len(world.arrived(message.address)) == 1 for message in messages)


async def test_errors_show_no_person(world: World) -> None:
    world.refuse(world.address(MARIA))
    with pytest.raises(SendError) as caught:
        await world.channel.send(_to(world))
    shown = (str(caught.value) + repr(caught.value) + repr(_to(world))).lower()
    assert "maria" not in shown
    assert world.address(MARIA) not in shown

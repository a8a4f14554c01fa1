"""One suite for every channel: the in-memory one must behave as the real one does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.headerregistry import Address
from typing import Protocol
from uuid import UUID

import pytest

from services.notifier.channels.base import Channel, OutcomeUnknown, Refused, SendError, TryLater, Unavailable
from services.notifier.channels.email import EmailChannel, EmailSettings
from services.notifier.channels.memory import MemoryChannel
from services.notifier.channels.smtp import TimeLimits
from services.notifier.settings import SmtpServer as Server
from tests.integration.notifier.smtp_server import SmtpServer, smtp_server
from tests.unit.notifier.letters import letter

MARIA = "maria@example.org"
SAM = "sam@example.org"
LIMITS = TimeLimits(connect_seconds=2, command_seconds=2, data_seconds=0.3)


class World(Protocol):
    """A channel and the provider behind it, told what to do."""

    @property
    def channel(self) -> Channel: ...

    def refuse(self, address: str) -> None: ...
    def defer(self, address: str) -> None: ...
    def lose_answer(self, address: str) -> None: ...
    async def go_down(self) -> None: ...
    async def come_back(self) -> None: ...
    def arrived(self, address: str) -> list[str]:
        """The identities of what arrived for an address."""
        ...


class MemoryWorld:
    def __init__(self, channel: MemoryChannel) -> None:
        self.channel = channel

    def refuse(self, address: str) -> None:
        self.channel.answers[address] = [Refused("5.1.1", "There is no mailbox with this address.")]

    def defer(self, address: str) -> None:
        self.channel.answers[address] = [TryLater("4.7.1", "Later.")]

    def lose_answer(self, address: str) -> None:
        self.channel.lost_answers[address] = [OutcomeUnknown("connection_lost", "Nobody knows.")]

    async def go_down(self) -> None:
        self.channel.down = Unavailable("no_connection", "The mail server cannot be reached.")

    async def come_back(self) -> None:
        self.channel.down = None

    def arrived(self, address: str) -> list[str]:
        return [taken.message_id.hex for taken in self.channel.taken if taken.address == address]


class SmtpWorld:
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
        return [mail["Message-ID"].strip("<>").partition("@")[0] for mail in self._server.mails_to(address)]


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


@pytest.fixture(params=[_memory, _smtp], ids=["memory", "smtp"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    async with request.param() as opened:
        yield opened


async def test_p6_an_invitation_goes_by_email(world: World) -> None:
    await world.channel.send(letter())
    assert world.arrived(MARIA) == [letter().message_id.hex]


async def test_a_repeated_message_has_the_same_identity(world: World) -> None:
    world.lose_answer(MARIA)
    with pytest.raises(OutcomeUnknown):
        await world.channel.send(letter())
    await world.channel.send(letter())
    first, second = world.arrived(MARIA)
    assert first == second


async def test_decision_6_a_hard_bounce_is_refused_with_a_reason(world: World) -> None:
    world.refuse(MARIA)
    with pytest.raises(Refused) as caught:
        await world.channel.send(letter())
    assert (caught.value.code, caught.value.reason) == ("5.1.1", "There is no mailbox with this address.")
    assert world.arrived(MARIA) == []


async def test_a_deferred_message_may_be_tried_again(world: World) -> None:
    world.defer(MARIA)
    with pytest.raises(TryLater):
        await world.channel.send(letter())
    await world.channel.send(letter())
    assert len(world.arrived(MARIA)) == 1


@pytest.mark.parametrize(
    "address", ["", "maria", "a b@example.org", "maria@example.org\r\nRCPT TO:<x@example.org>"]
)
async def test_a_bad_address_is_refused_before_anybody_is_asked(world: World, address: str) -> None:
    await world.go_down()
    with pytest.raises(Refused) as caught:
        await world.channel.send(letter(address=address))
    assert caught.value.code == "bad_address"


async def test_a_dead_provider_is_unavailable_and_comes_back(world: World) -> None:
    await world.go_down()
    with pytest.raises(Unavailable):
        await world.channel.send(letter())
    await world.come_back()
    await world.channel.send(letter())
    assert len(world.arrived(MARIA)) == 1


async def test_one_refusal_does_not_disturb_the_others(world: World) -> None:
    world.refuse(SAM)
    letters = [letter(message_id=UUID(int=n), address=f"p{n}@example.org") for n in range(20)]
    answers = await asyncio.gather(
        *(world.channel.send(each) for each in letters),
        world.channel.send(letter(address=SAM)),
        return_exceptions=True,
    )
    assert [answer for answer in answers if isinstance(answer, BaseException)] == [answers[-1]]
    assert all(len(world.arrived(each.address)) == 1 for each in letters)


async def test_errors_show_no_person(world: World) -> None:
    world.refuse(MARIA)
    with pytest.raises(SendError) as caught:
        await world.channel.send(letter())
    assert "maria" not in (str(caught.value) + repr(caught.value) + repr(letter())).lower()

"""Destinations that hang, on a real SMTP server: they hold no message to another destination."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from email.headerregistry import Address

import pytest

from services.notifier.channels.base import OutboundMessage, Receipt
from services.notifier.channels.email.channel import EmailChannel, EmailSettings
from services.notifier.channels.email.smtp_session import TimeLimits
from services.notifier.channels.memory import MemoryChannel
from services.notifier.sending.sender import Sender
from services.notifier.settings import SmtpServer as ServerAddress
from shared.contracts.notifier import SendMessage
from tests.integration.notifier.builders import command
from tests.integration.notifier.driver import NotifierDriver, sending
from tests.integration.notifier.smtp_server import SmtpServer, smtp_server
from tests.support.waiting import eventually

CONNECTIONS = 2
LIMIT_SECONDS = 5.0


def _channel(server: SmtpServer) -> EmailChannel:
    return EmailChannel(
        EmailSettings(
            server=ServerAddress("127.0.0.1", server.port, "plain"),
            sender=Address("Kinvite", "no-reply", "kinvite.example"),
            helo_name="kinvite.example",
            connections=2 * CONNECTIONS,
            limits=TimeLimits(),
        )
    )


def _hanging(count: int) -> list[SendMessage]:
    return [command(address=f"p{n}@hang{n % 3}.example") for n in range(count)]


async def _send_one_by_one(driver: NotifierDriver, server: SmtpServer, count: int) -> Sequence[float]:
    """Enqueue single emails, ten a second; return the seconds that each took to arrive, sorted."""

    async def send(number: int) -> float:
        address = f"q{number}@other{number % 5}.example"
        begin = time.monotonic()
        await driver.put(command(address=address))
        await eventually(lambda: bool(server.messages_to(address)), within_seconds=90.0)
        return time.monotonic() - begin

    tasks = []
    for number in range(count):
        tasks.append(asyncio.create_task(send(number)))
        await asyncio.wait(tasks, timeout=0.1)
    return sorted(await asyncio.gather(*tasks))


@pytest.mark.parametrize("stage", ["recipient", "data"])
async def test_fifty_recipients_that_hang_delay_no_other_single_email(
    driver: NotifierDriver, stage: str
) -> None:
    async with smtp_server() as server:
        hanging = _hanging(50)
        faults = server.at_rcpt if stage == "recipient" else server.at_data
        for data in hanging:
            faults[data.recipient.address].extend(["hang"] * 20)
        await driver.put(*hanging)
        async with sending(driver.sender(_channel(server), connections=CONNECTIONS)):
            took = await _send_one_by_one(driver, server, 100)
            await server.stop()
    assert took[98] < LIMIT_SECONDS, took[-5:]


async def test_texts_that_hang_delay_no_other_text(driver: NotifierDriver) -> None:
    channel = _PartlyHanging()
    hanging = [command(channel="sms", address=f"+4915100000{n:03}") for n in range(10)]
    other = command(channel="sms", address="+4915200000000")
    await driver.put(*hanging, other, channels=["sms"])
    sender: Sender = driver.sender(channel, channel_name="sms", connections=CONNECTIONS)
    async with sending(sender):
        await eventually(lambda: len(channel.accepted) == 1, within_seconds=20.0)
        assert channel.accepted[0].address == other.recipient.address
        channel.answer.set()


async def test_a_destination_that_answers_again_is_sent_to_at_once(driver: NotifierDriver) -> None:
    async with smtp_server() as server:
        messages = _hanging(9)
        for data in messages:
            server.at_rcpt[data.recipient.address].append("hang")
        await driver.put(*messages)
        async with sending(driver.sender(_channel(server), connections=CONNECTIONS)):
            await eventually(lambda: server.sessions >= CONNECTIONS)
            await server.stop()
            server.at_rcpt.clear()
            await server.start()

            async def all_sent() -> bool:
                return await driver.states() == ["sent"] * 9

            await eventually(all_sent, within_seconds=60.0)


class _PartlyHanging(MemoryChannel):
    """Channel on which numbers that begin with +49151 wait for `answer`."""

    def __init__(self) -> None:
        super().__init__()
        self.answer = asyncio.Event()

    async def send(self, message: OutboundMessage) -> Receipt:
        if message.address.startswith("+49151"):
            await self.answer.wait()
        return await super().send(message)

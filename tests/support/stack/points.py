"""Places in a service at which it may be told to die: between a commit and its effect, and around a provider's call.

A place is armed for a service by files `<service>.<point>.<n>` in the folder of KINVITE_TEST_POINTS, one per passage
left, and every process of the service shares them: who takes away the last one dies by SIGKILL, so exactly one does.
Only `tests.support.stack.service` knows of this; the product has no hook.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer

from shared.runtime.database import Database, Transaction
from shared.runtime.messaging.outbox.relay import Relay

POINTS = {
    "P1": "after the business write, before the commit",
    "P2": "after the commit, before the answer",
    "P3": "the relay, before it sends what it claimed",
    "P4": "the relay, after the broker's acknowledgement and before it marks",
    "P5": "the consumer, after its commit and before that of the offsets",
    "P6": "the sender, before it calls the provider",
    "P7": "the sender, after the provider accepted and before that is recorded",
}
BLOCK = "block"
"""Not a death: at the next commit the event loop does nothing for so long that every session ends."""
BLOCK_SECONDS = 45.0
FOLDER = "KINVITE_TEST_POINTS"
Passage = Callable[[str], None]


def arm(folder: Path, service: str, point: str, passages: int) -> None:
    """One process of the service dies at that passage of the point, counted over all of them."""
    for number in range(passages, 0, -1):
        (folder / f"{service}.{point}.{number:03}").touch()


def is_armed(folder: Path, service: str, point: str) -> bool:
    """Whether nobody has died of it yet."""
    return any(folder.glob(f"{service}.{point}.*"))


def disarm(folder: Path, service: str, point: str) -> bool:
    """Take back what was not reached; whether somebody died of it."""
    left = list(folder.glob(f"{service}.{point}.*"))
    for path in left:
        path.unlink(missing_ok=True)
    return not left


def install(service: str) -> None:
    """Let this process die where it is told to; nothing without the folder."""
    folder = os.environ.get(FOLDER)
    if folder is None:
        return

    def passage(point: str) -> None:
        for path in sorted(Path(folder).glob(f"{service}.{point}.*"), reverse=True):
            try:
                path.unlink()
            except FileNotFoundError:
                continue  # another process passed at the same moment
            if path.suffix == ".001" and point == BLOCK:
                time.sleep(BLOCK_SECONDS)
            elif path.suffix == ".001":
                os.kill(os.getpid(), signal.SIGKILL)
            return

    _around_commits(passage)
    Relay._publish = _around(Relay._publish, passage, "P3", "P4")  # type: ignore[method-assign, assignment]
    AIOKafkaConsumer.commit = _around(AIOKafkaConsumer.commit, passage, "P5", None)
    if service == "notifier":
        _around_calls(passage)


def _around(
    work: Callable[..., Awaitable[Any]], passage: Passage, before: str | None, after: str | None
) -> Callable[..., Awaitable[Any]]:
    async def watched(*arguments: Any, **named: Any) -> Any:
        if before is not None:
            passage(before)
        result = await work(*arguments, **named)
        if after is not None:
            passage(after)
        return result

    return watched


def _around_calls(passage: Passage) -> None:
    from services.notifier.channels.email.channel import EmailChannel
    from services.notifier.channels.twilio.client import TwilioChannel

    EmailChannel.send = _around(EmailChannel.send, passage, "P6", "P7")  # type: ignore[method-assign, assignment]
    TwilioChannel.send = _around(TwilioChannel.send, passage, "P6", "P7")  # type: ignore[method-assign, assignment]


def _around_commits(passage: Passage) -> None:
    transaction: Callable[..., AbstractAsyncContextManager[Transaction]] = Database.transaction

    @asynccontextmanager
    async def watched(database: Database, **named: Any) -> AsyncIterator[Transaction]:
        async with transaction(database, **named) as open_one:
            yield open_one
            passage(BLOCK)
            if open_one.emitted:
                passage("P1")
        if open_one.emitted:
            passage("P2")

    Database.transaction = watched  # type: ignore[method-assign, assignment]

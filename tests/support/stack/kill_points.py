"""Kill points: places at which a service can be made to die, around commits, publishing and calls to a provider.

A point is armed for a service by files `<service>.<point>.<n>` in the folder of KINVITE_TEST_POINTS, one per
remaining passage, which every process of the service shares: the process that removes the last one dies by SIGKILL,
so exactly one does. Only `tests.support.stack.service` knows of this; the product has no hook.
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
    "K1": "after the business write, before the commit",
    "K2": "after the commit, before the answer",
    "K3": "the relay, before it sends what it claimed",
    "K4": "the relay, after the broker's acknowledgement and before it marks",
    "K5": "the consumer, after its commit and before that of the offsets",
    "K6": "the sender, before it calls the provider",
    "K7": "the sender, after the provider accepted and before that is recorded",
}
BLOCK = "block"
"""Not a death: at the next commit the event loop does nothing for so long that every session ends."""
BLOCK_SECONDS = 45.0
FOLDER = "KINVITE_TEST_POINTS"
Passage = Callable[[str], None]


def arm(folder: Path, service: str, point: str, passages: int) -> None:
    """Arm a point: one process of the service dies at that passage, counted over all its processes."""
    for number in range(passages, 0, -1):
        (folder / f"{service}.{point}.{number:03}").touch()


def is_armed(folder: Path, service: str, point: str) -> bool:
    """Return whether no process has died at the point yet."""
    return any(folder.glob(f"{service}.{point}.*"))


def disarm(folder: Path, service: str, point: str) -> bool:
    """Disarm a point; return whether a process has died at it."""
    left = list(folder.glob(f"{service}.{point}.*"))
    for path in left:
        path.unlink(missing_ok=True)
    return not left


def install(service: str) -> None:
    """Wrap the kill points of this process, if the folder is set."""
    folder = os.environ.get(FOLDER)
    if folder is None:
        return

    def passage(point: str) -> None:
        for path in sorted(Path(folder).glob(f"{service}.{point}.*"), reverse=True):
            try:
                path.unlink()
            except FileNotFoundError:
                continue  # another process passed the point at the same time
            if path.suffix == ".001" and point == BLOCK:
                time.sleep(BLOCK_SECONDS)
            elif path.suffix == ".001":
                os.kill(os.getpid(), signal.SIGKILL)
            return

    _wrap_commits(passage)
    Relay._publish = _wrap(Relay._publish, passage, "K3", "K4")  # type: ignore[method-assign, assignment]
    AIOKafkaConsumer.commit = _wrap(AIOKafkaConsumer.commit, passage, "K5", None)
    if service == "notifier":
        _wrap_provider_calls(passage)


def _wrap(
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


def _wrap_provider_calls(passage: Passage) -> None:
    from services.notifier.channels.email.channel import EmailChannel
    from services.notifier.channels.twilio.client import TwilioChannel

    EmailChannel.send = _wrap(EmailChannel.send, passage, "K6", "K7")  # type: ignore[method-assign, assignment]
    TwilioChannel.send = _wrap(TwilioChannel.send, passage, "K6", "K7")  # type: ignore[method-assign, assignment]


def _wrap_commits(passage: Passage) -> None:
    transaction: Callable[..., AbstractAsyncContextManager[Any]] = Database.transaction

    @asynccontextmanager
    async def watched(database: Database, **named: Any) -> AsyncIterator[Any]:
        async with transaction(database, **named) as opened:
            # With a first statement the block gets the transaction and what the statement read.
            tx: Transaction = opened[0] if isinstance(opened, tuple) else opened
            yield opened
            passage(BLOCK)
            if tx.callbacks_after_commit:
                passage("K1")
        if tx.callbacks_after_commit:
            passage("K2")

    Database.transaction = watched  # type: ignore[method-assign, assignment]

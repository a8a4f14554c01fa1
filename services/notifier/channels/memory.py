"""In-memory channel: the double of every real channel, held to the same tests."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from services.notifier.channels.base import OutboundMessage, Receipt, Refused, SendError
from services.notifier.channels.sanitise import BadAddressError, encode_mailbox, validate_number


class MemoryChannel:
    """A channel that accepts every message, unless configured otherwise for its address.

    `accepted` and `tried` are the messages accepted and tried, in order. `errors` holds, per address, the errors of the
    next attempts; an error in `errors_after_acceptance` is raised after the message was accepted. If `down` is set,
    every attempt raises it. While `gate` is cleared, no attempt ends.
    """

    def __init__(self) -> None:
        self.accepted: list[OutboundMessage] = []
        self.tried: list[OutboundMessage] = []
        self.errors: dict[str, list[SendError]] = {}
        self.errors_after_acceptance: dict[str, list[SendError]] = {}
        self.down: SendError | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    async def send(self, message: OutboundMessage) -> Receipt:
        """Accept the message, or raise the configured error; see `Channel.send`."""
        validate = validate_number if message.address.startswith("+") else encode_mailbox
        try:
            validate(message.address)
        except BadAddressError:
            raise Refused("bad_address", "The address is not written correctly.") from None
        self.tried.append(message)
        await self.gate.wait()
        if self.down is not None:
            raise self.down
        if errors := self.errors.get(message.address):
            raise errors.pop(0)
        self.accepted.append(message)
        if errors := self.errors_after_acceptance.get(message.address):
            raise errors.pop(0)
        return Receipt("250 kept")

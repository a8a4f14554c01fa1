"""A channel that keeps what it is given: the double of every real one, held to the same tests."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from services.notifier.channels.base import Letter, Receipt, Refused, SendError
from services.notifier.channels.safe import BadAddressError, mailbox, number


class MemoryChannel:
    """Takes every letter over, unless told otherwise for its address.

    `answers` gives, per address, the errors that the next attempts meet; `taken` are the letters taken over, in order.
    An `OutcomeUnknown` in `lost_answers` is met after the letter was taken. While `open_gate` is cleared nobody gets
    an answer.
    """

    def __init__(self) -> None:
        self.taken: list[Letter] = []
        self.tried: list[Letter] = []
        self.answers: dict[str, list[SendError]] = {}
        self.lost_answers: dict[str, list[SendError]] = {}
        self.down: SendError | None = None
        self.open_gate = asyncio.Event()
        self.open_gate.set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    async def send(self, letter: Letter) -> Receipt:
        """See `Channel.send`."""
        try:
            number(letter.address) if letter.address.startswith("+") else mailbox(letter.address)
        except BadAddressError:
            raise Refused("bad_address", "The address is not written correctly.") from None
        self.tried.append(letter)
        await self.open_gate.wait()
        if self.down is not None:
            raise self.down
        if errors := self.answers.get(letter.address):
            raise errors.pop(0)
        self.taken.append(letter)
        if errors := self.lost_answers.get(letter.address):
            raise errors.pop(0)
        return Receipt("250 kept")

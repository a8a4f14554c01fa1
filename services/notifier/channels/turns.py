"""A mail that waits for its turn on a session, and who awaits the server's words about it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from services.notifier.channels.pipelining import Mail
from services.notifier.channels.smtp import Session


class Turn:
    """One mail and its end."""

    def __init__(self, mail: Mail) -> None:
        self.mail = mail
        self._answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._session: Session | None = None

    @property
    def given_up(self) -> bool:
        """Nobody awaits the answer any more."""
        return self._answer.done()

    async def over(self) -> str:
        """The server's words. Raises what `fail` was told; cancelled, it ends the session that is at it."""
        try:
            return await self._answer
        finally:
            if self._session is not None:
                self._session.abort()

    async def on(self, session: Session, following: Callable[[], Mail | None]) -> str:
        """Hand the mail over on a session; see `Session.deliver`."""
        self._session = session
        try:
            return await session.deliver(self.mail, following)
        finally:
            self._session = None

    def succeed(self, answer: str) -> None:
        """The server has taken it."""
        if not self._answer.done():
            self._answer.set_result(answer)

    def fail(self, error: Exception) -> None:
        """It has not, or nobody knows."""
        if not self._answer.done():
            self._answer.set_exception(error)

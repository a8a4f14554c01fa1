"""SMTP sessions that nobody uses at the moment."""

from __future__ import annotations

import asyncio
import time

from services.notifier.channels.smtp import Session

IDLE_SECONDS = 120.0


class IdleSessions:
    """Keeps sessions for the next mail; one that nobody took for two to four minutes is left, politely.

    Servers end it after five at the earliest (RFC 5321, 4.5.3.2.7).
    """

    def __init__(self) -> None:
        self._sessions: list[tuple[float, Session]] = []
        self._farewells: set[asyncio.Task[None]] = set()
        self._look: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._sessions)

    def keep(self, session: Session) -> None:
        """Nobody uses it now. One timer serves all sessions: it goes on while any is idle."""
        self._sessions.append((time.monotonic(), session))
        if self._look is None:
            self._look = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._leave_old)

    def take(self) -> Session | None:
        """The one that was used last and still stands."""
        while self._sessions:
            _, session = self._sessions.pop()
            if session.alive:
                return session
        return None

    async def close(self) -> None:
        """Take leave of all."""
        if self._look is not None:
            self._look.cancel()
        await asyncio.gather(*self._farewells, *(session.quit() for _, session in self._sessions))
        self._sessions.clear()

    def _leave_old(self) -> None:
        self._look = None
        before = time.monotonic() - IDLE_SECONDS + 0.1
        while self._sessions and self._sessions[0][0] <= before:
            _, session = self._sessions.pop(0)
            farewell = asyncio.create_task(session.quit())
            self._farewells.add(farewell)
            farewell.add_done_callback(self._farewells.discard)
        if self._sessions:
            self._look = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._leave_old)

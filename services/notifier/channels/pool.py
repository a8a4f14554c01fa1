"""A few SMTP sessions, kept open over many mails."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from services.notifier.channels.base import Refused, TryLater, Unavailable
from services.notifier.channels.smtp import Session, StaleSession

IDLE_SECONDS = 30.0
REST_SECONDS = 60.0


class SessionPool:
    """Hands mails over by at most `size` sessions at once; an idle one is left after half a minute to a minute.

    Where the server takes fewer sessions than that, the places it refuses rest for a minute and the others are used.
    """

    def __init__(self, open_session: Callable[[], Awaitable[Session]], size: int) -> None:
        self._open_session = open_session
        self._places = asyncio.Semaphore(size)
        self._idle: list[tuple[float, Session]] = []
        self._live = 0
        self._farewells: set[asyncio.Task[None]] = set()
        self._resting: set[asyncio.TimerHandle] = set()
        self._looking_for_idle = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for handle in self._resting:
            handle.cancel()
        await asyncio.gather(*self._farewells, *(session.quit() for _, session in self._idle))
        self._idle.clear()

    async def deliver(self, sender: str, recipient: str, mail: bytes) -> str:
        """Hand one mail over; see `Session.deliver`."""
        while True:
            session = await self._acquire()
            kept = False
            try:
                answer = await session.deliver(sender, recipient, mail)
            except StaleSession:
                continue
            except (Refused, TryLater):
                kept = session.alive and await session.reset()
                raise
            else:
                kept = True
                return answer
            finally:
                self._release(session, kept=kept)

    async def _acquire(self) -> Session:
        while True:
            await self._places.acquire()
            try:
                return await self._take()
            except Unavailable:
                if self._live == 0:
                    self._places.release()
                    raise
                self._rest_place()
            except BaseException:
                self._places.release()
                raise

    async def _take(self) -> Session:
        while self._idle:
            _, session = self._idle.pop()
            if session.alive:
                return session
            self._live -= 1
        session = await self._open_session()
        self._live += 1
        return session

    def _release(self, session: Session, *, kept: bool) -> None:
        if kept and session.alive:
            self._idle.append((time.monotonic(), session))
            self._look_for_idle()
        else:
            session.abort()
            self._live -= 1
        self._places.release()

    def _rest_place(self) -> None:
        """Keep the place that was just acquired out of use for a while."""
        self._after(REST_SECONDS, self._places.release)

    def _after(self, seconds: float, action: Callable[[], None]) -> None:
        def act() -> None:
            self._resting.discard(handle)
            action()

        handle = asyncio.get_running_loop().call_later(seconds, act)
        self._resting.add(handle)

    def _look_for_idle(self) -> None:
        """One timer for all sessions, not one for each mail: it goes on while any is idle."""
        if self._idle and not self._looking_for_idle:
            self._looking_for_idle = True
            self._after(IDLE_SECONDS, self._leave_idle)

    def _leave_idle(self) -> None:
        """Take leave of sessions that nobody used for a while; the longest idle one comes first in the list."""
        self._looking_for_idle = False
        before = time.monotonic() - IDLE_SECONDS + 0.1
        while self._idle and self._idle[0][0] <= before:
            _, session = self._idle.pop(0)
            self._live -= 1
            farewell = asyncio.create_task(session.quit())
            self._farewells.add(farewell)
            farewell.add_done_callback(self._farewells.discard)
        self._look_for_idle()

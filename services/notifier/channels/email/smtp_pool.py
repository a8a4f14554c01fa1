"""Pool of SMTP sessions that stay open over many messages."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable

from services.notifier.channels.base import LeaseLost, Refused, TryLater, Unavailable
from services.notifier.channels.email.smtp_session import SmtpMessage, SmtpSession, StaleSessionError

IDLE_SECONDS = 120.0
REST_SECONDS = 60.0


class SmtpPool:
    """Pool of at most `size` sessions. Each delivery uses one session, and waits until one is free.

    An idle session is closed after two to four minutes; servers close it after five at the earliest (RFC 5321,
    4.5.3.2.7). Where the server takes fewer sessions than `size`, each refused one is tried again after a minute, and
    the deliveries share the others.
    """

    def __init__(self, open_session: Callable[[], Awaitable[SmtpSession]], size: int) -> None:
        self._open_session = open_session
        self._free_slots = size
        self._open_sessions = 0
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._idle: list[tuple[float, SmtpSession]] = []
        self._idle_timer: asyncio.TimerHandle | None = None
        self._resting: set[asyncio.TimerHandle] = set()
        self._quitting: set[asyncio.Task[None]] = set()

    async def deliver(self, message: SmtpMessage) -> str:
        """Hand one message over and return the server's answer; see `SmtpSession.deliver`.

        Raises LeaseLost if another sender has claimed the message while it waited for a session.
        """
        while True:
            session = await self._acquire()
            is_usable = False
            try:
                if not message.is_held():
                    is_usable = True
                    raise LeaseLost
                answer = await session.deliver(message)
                is_usable = True
                return answer
            except StaleSessionError:
                continue
            except (Refused, TryLater):
                is_usable = session.is_connected and await session.reset()
                raise
            finally:
                self._release(session, is_usable=is_usable)

    async def close(self) -> None:
        """Close all idle sessions."""
        for handle in (self._idle_timer, *self._resting):
            if handle is not None:
                handle.cancel()
        await asyncio.gather(*self._quitting, *(session.quit() for _, session in self._idle))
        self._idle.clear()

    async def _acquire(self) -> SmtpSession:
        """Return an idle session or a new one. Raises Unavailable if there is no session and none can be opened."""
        while True:
            await self._acquire_slot()
            if (session := self._take_idle()) is not None:
                return session
            try:
                session = await self._open_session()
            except Unavailable as error:
                if self._open_sessions:
                    self._rest_slot()
                    continue
                self._release_slot()
                self._fail_waiters(error)
                raise
            except BaseException:
                self._release_slot()
                raise
            self._open_sessions += 1
            return session

    def _release(self, session: SmtpSession, *, is_usable: bool) -> None:
        """Keep a session for the next delivery, or close it."""
        if is_usable and session.is_connected:
            self._idle.append((time.monotonic(), session))
            if self._idle_timer is None:
                self._idle_timer = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._quit_idle)
        else:
            session.close()
            self._open_sessions -= 1
        self._release_slot()

    def _take_idle(self) -> SmtpSession | None:
        """Return the session that was used last; drop those that the server has closed."""
        while self._idle:
            _, session = self._idle.pop()
            if session.is_connected:
                return session
            self._open_sessions -= 1
        return None

    def _quit_idle(self) -> None:
        """Quit sessions that nobody has used for `IDLE_SECONDS`. One timer serves all of them."""
        self._idle_timer = None
        oldest = time.monotonic() - IDLE_SECONDS + 0.1
        while self._idle and self._idle[0][0] <= oldest:
            _, session = self._idle.pop(0)
            self._open_sessions -= 1
            task = asyncio.create_task(session.quit())
            self._quitting.add(task)
            task.add_done_callback(self._quitting.discard)
        if self._idle:
            self._idle_timer = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._quit_idle)

    async def _acquire_slot(self) -> None:
        """Wait for the right to use one session, in order of arrival. Raises Unavailable; see `_fail_waiters`."""
        if self._free_slots:
            self._free_slots -= 1
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if not waiter.cancelled() and waiter.exception() is None:
                self._release_slot()
            raise

    def _release_slot(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self._free_slots += 1

    def _rest_slot(self) -> None:
        """Release a slot after a minute, because the server does not take another session now."""

        def end_rest() -> None:
            self._resting.discard(handle)
            self._release_slot()

        handle = asyncio.get_running_loop().call_later(REST_SECONDS, end_rest)
        self._resting.add(handle)

    def _fail_waiters(self, error: Unavailable) -> None:
        """Fail all waiting deliveries with the same error, because there is no session that they could use."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_exception(Unavailable(error.code, error.reason, detail=error.detail))

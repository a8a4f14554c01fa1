"""A few SMTP sessions, kept open over many mails.

Mails wait here for a session, and each session takes them one after the other: so there is a next one whose envelope
goes in one write with the content of the one before.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from services.notifier.channels.base import NotOurs, Refused, TryLater, Unavailable
from services.notifier.channels.idle import IdleSessions
from services.notifier.channels.pipelining import Mail, StaleSession
from services.notifier.channels.smtp import Session
from services.notifier.channels.turns import Turn

REST_SECONDS = 60.0


@dataclass(slots=True, eq=False)
class _Place:
    """Where one session stands, and the mail whose envelope it has heard already."""

    session: Session | None = None
    ahead: Turn | None = None


class SessionPool:
    """Hands mails over by at most `size` sessions at once; an idle one is left after two to four minutes.

    Where the server takes fewer sessions than that, the places it refuses rest for a minute and the others are used.
    """

    def __init__(self, open_session: Callable[[], Awaitable[Session]], size: int) -> None:
        self._open_session = open_session
        self._places = size
        self._waiting: deque[Turn] = deque()
        self._working: set[asyncio.Task[None]] = set()
        self._at_work = 0
        self._idle = IdleSessions()
        self._used = 0
        self._resting: set[asyncio.TimerHandle] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for handle in self._resting:
            handle.cancel()
        for task in self._working:
            task.cancel()
        await asyncio.gather(*self._working, return_exceptions=True)
        await self._idle.close()

    async def deliver(self, mail: Mail) -> str:
        """Hand one mail over; see `Session.deliver`. Who is cancelled in the middle takes the session along."""
        turn = Turn(mail)
        self._waiting.append(turn)
        self._begin()
        return await turn.over()

    def _begin(self) -> None:
        if self._waiting and self._at_work < self._places:
            self._at_work += 1
            task = asyncio.create_task(self._work())
            self._working.add(task)
            task.add_done_callback(self._working.discard)

    async def _work(self) -> None:
        """Deliver what waits, one after the other, over one session as long as it lasts."""
        place = _Place()
        try:
            while (turn := place.ahead or self._next()) is not None:
                place.ahead = None
                if turn.given_up:  # after its envelope was written, and only hanging up takes that back
                    self._leave(place)
                elif await self._has_session(place, turn):
                    await self._deliver(place, turn)
                elif self._live:
                    break  # the turn waits for another place
        except BaseException:
            self._leave(place)
            raise
        finally:
            if place.session is not None:
                self._used -= 1
                self._idle.keep(place.session)
            self._at_work -= 1
            self._begin()

    def _next(self) -> Turn | None:
        while self._waiting:
            turn = self._waiting.popleft()
            if turn.given_up:
                continue
            if turn.mail.ours():
                return turn
            turn.fail(NotOurs())
        return None

    async def _deliver(self, place: _Place, turn: Turn) -> None:
        session = place.session
        assert session is not None

        def following() -> Mail | None:
            place.ahead = self._next()
            return None if place.ahead is None else place.ahead.mail

        usable = False
        try:
            answer = await turn.on(session, following)
        except StaleSession:
            self._waiting.appendleft(turn)
        except (Refused, TryLater) as error:
            turn.fail(error)
            usable = place.ahead is not None or (session.alive and await session.reset())
        except Exception as error:  # noqa: BLE001 (raised where it is awaited)
            turn.fail(error)
        else:
            turn.succeed(answer)
            usable = True
        if not usable or not session.alive:
            self._leave(place)

    async def _has_session(self, place: _Place, turn: Turn) -> bool:
        """Where none can be had the turn is over, or it waits for another place."""
        try:
            place.session = place.session or await self._take()
        except Unavailable as error:
            self._without_session(turn, error)
            return False
        except Exception as error:  # noqa: BLE001 (as above)
            turn.fail(error)
            return False
        return True

    def _without_session(self, turn: Turn, error: Unavailable) -> None:
        if self._live:
            self._waiting.appendleft(turn)
            self._places -= 1
            self._resting.add(asyncio.get_running_loop().call_later(REST_SECONDS, self._end_rest))
            return
        for each in (turn, *self._waiting):
            each.fail(Unavailable(error.code, error.reason, detail=error.detail))
        self._waiting.clear()

    @property
    def _live(self) -> int:
        return self._used + len(self._idle)

    async def _take(self) -> Session:
        session = self._idle.take() or await self._open_session()
        self._used += 1
        return session

    def _leave(self, place: _Place) -> None:
        """Hang up; a mail whose envelope was written ahead has not gone yet."""
        if place.session is not None:
            place.session.abort()
            self._used -= 1
        if place.ahead is not None:
            self._waiting.appendleft(place.ahead)
        place.session = place.ahead = None

    def _end_rest(self) -> None:
        now = asyncio.get_running_loop().time()
        self._resting = {handle for handle in self._resting if handle.when() > now}
        self._places += 1
        self._begin()

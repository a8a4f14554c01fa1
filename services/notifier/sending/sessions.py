"""Sessions of a sender: which messages may use them, so that a destination that hangs holds no other message."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from dataclasses import dataclass, field

from services.notifier.domain.messages import Message

SLOW_AFTER_SECONDS = 1.5
"""Duration of an attempt from which on its destination is slow."""
SLOW_FOR_SECONDS = 600.0
"""Time for which a destination stays slow, unless it answers faster before."""
SLOW_DESTINATIONS = 1_000


def destination_of(message: Message) -> str:
    """Return the part of the address that may hang together: the domain, or the whole phone number."""
    return message.recipient.address.rpartition("@")[2].lower()


@dataclass(slots=True, eq=False)
class ActiveSession:
    """A session in use. `began_at` is in seconds of the clock of the sender.

    `is_interruptible` states whether the attempt may be cancelled, because the provider cannot have the message yet.
    `is_limited` states whether it counts towards the share of slow destinations and retries, `is_lingering` whether its
    place was given to another message while it still waits for its answer.
    """

    destination: str
    began_at: float
    task: asyncio.Task[None]
    is_limited: bool
    is_interruptible: bool = False
    is_lingering: bool = False
    is_displaced: bool = False


@dataclass(slots=True)
class Sessions:
    """Sessions in use, out of `limit`, and the destinations that are known to be slow.

    Slow destinations and retries together use at most half of the sessions, and one destination among them at most a
    quarter, but one each; of a single session they have what other messages leave. `lingering_limit` sessions may wait
    for an answer beyond `limit`.
    """

    limit: int
    lingering_limit: int = 0
    active: set[ActiveSession] = field(default_factory=set)
    _slow: OrderedDict[str, float] = field(default_factory=OrderedDict)
    _limited: int = 0
    _lingering: int = 0

    @property
    def free(self) -> int:
        """Number of sessions that may begin."""
        return self.limit + self._lingering - len(self.active)

    @property
    def has_slow(self) -> bool:
        """Whether a destination is slow, or was until it was last looked at."""
        return bool(self._slow)

    @property
    def share(self) -> int:
        """Number of sessions for slow destinations and retries."""
        return self.limit // 2

    def is_slow(self, destination: str, now: float) -> bool:
        """Return whether the destination was slow within the last `SLOW_FOR_SECONDS`."""
        return bool(self._slow) and self._slow.get(destination, 0.0) > now

    def has_limited_share(self, *, others_wait: bool) -> bool:
        """Return whether a message to a slow destination, or a retry, may begin."""
        return self._limited < self.share or (self.limit == 1 and not self.active and not others_wait)

    def full_destinations(self) -> set[str]:
        """Return the destinations that use their part of the limited share."""
        part = max(1, self.share // 2)
        used = Counter(session.destination for session in self.active if session.is_limited)
        return {destination for destination, count in used.items() if count >= part}

    def begin(self, session: ActiveSession) -> None:
        """Count a session."""
        self.active.add(session)
        self._limited += session.is_limited

    def end(self, session: ActiveSession, now: float, *, is_answered: bool) -> bool:
        """Remove a session; return whether its destination was slow and has answered quickly."""
        self.active.discard(session)
        self._limited -= session.is_limited
        self._lingering -= session.is_lingering
        is_quick = is_answered and now - session.began_at < SLOW_AFTER_SECONDS
        return is_quick and self._slow.pop(session.destination, None) is not None

    def yield_overdue(self, now: float, *, others_wait: bool) -> None:
        """Note slow destinations, and make those give way that use more than the limited share while others wait.

        An interruptible session is interrupted; another one lingers.
        """
        while self._slow and next(iter(self._slow.values())) <= now:
            self._slow.popitem(last=False)
        for session in list(self.active):
            if session.is_lingering or session.is_displaced or now - session.began_at < SLOW_AFTER_SECONDS:
                continue
            self._note_slow(session.destination, now)
            if not session.is_limited and self._limited < self.share:
                session.is_limited = True
                self._limited += 1
            if others_wait and (not session.is_limited or self._limited > self.share):
                self._give_way(session)

    def _give_way(self, session: ActiveSession) -> None:
        if session.is_interruptible:
            session.is_displaced = True
            session.task.cancel()
        elif self._lingering < self.lingering_limit:
            session.is_lingering = True
            self._lingering += 1

    def _note_slow(self, destination: str, now: float) -> None:
        self._slow[destination] = now + SLOW_FOR_SECONDS
        self._slow.move_to_end(destination)
        if len(self._slow) > SLOW_DESTINATIONS:
            self._slow.popitem(last=False)

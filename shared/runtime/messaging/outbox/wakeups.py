"""Wake-up signals of the outbox: from a commit to its relay, and from a relay to consumers in the same process.

Both are hints that save time. A relay polls its outbox anyway, and a consumer that missed a signal polls its broker.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from weakref import WeakKeyDictionary

from shared.runtime.database.transaction import Database

WakeRelay = Callable[[str, int], None]
_waiting: defaultdict[tuple[str, str], set[asyncio.Event]] = defaultdict(set)


class OutboxWakeups:
    """Signals from the commits of one service to its relays, in this process and in others.

    `lease_valid_until` holds, for each lane, until when (`time.monotonic()`) a relay of this process has the lease.
    """

    def __init__(self) -> None:
        self.lease_valid_until: dict[str, float] = {}
        self._relays: list[WakeRelay] = []
        self._process_id = secrets.token_hex(4)

    def on_emit(self, wake: WakeRelay) -> None:
        """Call `wake` with the lane and the number of messages after each commit of this process that emitted some."""
        self._relays.append(wake)

    def wake_relays(self, lane: str, messages: int) -> None:
        """Call the relays of this process: that many messages of the lane were committed."""
        for wake in self._relays:
            wake(lane, messages)

    def notification_payload(self, lane: str) -> str:
        """Return the payload that notifies other processes, or "" while the lane's relay runs in this one."""
        relay_is_here = self._relays and self.lease_valid_until.get(lane, 0.0) > time.monotonic()
        return "" if relay_is_here else f"{lane} {self._process_id}"

    def lane_of_notification(self, payload: str) -> str | None:
        """Return the lane that a notification names, or None for one of this process, whose relays are awake."""
        lane, _, process_id = payload.partition(" ")
        return None if process_id == self._process_id else lane


_wakeups: WeakKeyDictionary[Database, OutboxWakeups] = WeakKeyDictionary()


def wakeups_of(database: Database) -> OutboxWakeups:
    """Return the wake-up signals that belong to a database, creating them at the first call."""
    return _wakeups.setdefault(database, OutboxWakeups())


def outbox_channel(schema: str) -> str:
    """Return the notification channel of a service's outbox."""
    return f"outbox_{schema}"


@contextmanager
def waiting_for(bootstrap: str, topics: Iterable[str]) -> Iterator[asyncio.Event]:
    """Yield an event that is set whenever this process has published records to one of the topics of that broker."""
    event = asyncio.Event()
    keys = [(bootstrap, topic) for topic in topics]
    for key in keys:
        _waiting[key].add(event)
    try:
        yield event
    finally:
        for key in keys:
            _waiting[key].discard(event)


def notify_waiters(bootstrap: str, topics: Iterable[str]) -> None:
    """Set the events of those who wait for records of these topics."""
    for topic in topics:
        for event in _waiting.get((bootstrap, topic), ()):
            event.set()

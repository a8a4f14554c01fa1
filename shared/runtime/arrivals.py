"""Who waits in this process for records of a topic, so that a relay in the same process can say: look now.

The embedded run has all services in one process, on one event loop, and a broker that is asked rather than one that
answers when something comes. A hint only: whoever is not told looks by and by.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

_waiting: defaultdict[tuple[str, str], set[asyncio.Event]] = defaultdict(set)


@contextmanager
def awaited(bootstrap: str, topics: Iterable[str]) -> Iterator[asyncio.Event]:
    """An event that is set whenever records for one of these topics of that broker were published from here."""
    event = asyncio.Event()
    places = [(bootstrap, topic) for topic in topics]
    for place in places:
        _waiting[place].add(event)
    try:
        yield event
    finally:
        for place in places:
            _waiting[place].discard(event)


def announce(bootstrap: str, topics: Iterable[str]) -> None:
    """Records of these topics are there to be fetched."""
    for topic in topics:
        for event in _waiting.get((bootstrap, topic), ()):
            event.set()

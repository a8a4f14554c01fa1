"""Who is watching which school, and what each has not been told yet."""

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from services.dashboard.domain.changes import Changes, read_changes

EVERYTHING = Changes(everything=True)


class TooManyWatchers(Exception):
    """This session watches as often as it may."""


class Watch:
    """One open page. However slow it is, what waits for it stays small: changes are merged until it takes them."""

    def __init__(self) -> None:
        self._changes = EVERYTHING
        self._doubted = False
        self._news = asyncio.Event()
        self._news.set()

    def tell(self, changes: Changes) -> None:
        self._changes = self._changes.then(changes)
        self._news.set()

    def doubt(self) -> None:
        """Whether this person may still watch has to be asked again."""
        self._doubted = True
        self._news.set()

    async def news(self, within_seconds: float) -> tuple[Changes, bool]:
        """Wait for news; what has changed since the last call, and whether the right to watch is in doubt.

        The first call answers at once with everything: the page may have been made before the watch began.
        """
        try:
            async with asyncio.timeout(within_seconds):
                await self._news.wait()
        except TimeoutError:
            pass
        taken = self._changes, self._doubted
        self._changes, self._doubted = Changes(), False
        self._news.clear()
        return taken


class Watches:
    """All open pages of this process. `heard` and `joined` belong to the listener."""

    def __init__(self, per_holder: int) -> None:
        self._per_holder = per_holder
        self._of_school: defaultdict[UUID, set[Watch]] = defaultdict(set)
        self._held: Counter[str] = Counter()

    @contextmanager
    def watching(self, school_id: UUID, holder: str) -> Iterator[Watch]:
        """Watch a school while the block is open. Raises TooManyWatchers; `holder` is a session or a token."""
        if self._held[holder] >= self._per_holder:
            raise TooManyWatchers
        watch = Watch()
        self._held[holder] += 1
        self._of_school[school_id].add(watch)
        try:
            yield watch
        finally:
            self._held -= Counter([holder])
            self._of_school[school_id].discard(watch)
            if not self._of_school[school_id]:
                del self._of_school[school_id]

    def heard(self, payload: str) -> None:
        """A notification: of a school's rows, or (empty) that somebody's session or role has ended."""
        told = json.loads(payload)
        if not told:
            self.doubt_all()
            return
        watches = self._of_school.get(UUID(told["school_id"]))
        if watches:
            changes = read_changes(told)
            for watch in watches:
                watch.tell(changes)

    def doubt_all(self) -> None:
        """Somebody's right to watch is over."""
        for watch in self._all():
            watch.doubt()

    def joined(self) -> None:
        """What was said before was not heard."""
        for watch in self._all():
            watch.tell(EVERYTHING)
            watch.doubt()

    def __len__(self) -> int:
        return sum(self._held.values())

    def _all(self) -> list[Watch]:
        return [watch for watches in self._of_school.values() for watch in watches]

"""Live updates of open pages: subscriptions per school, and the changes that each has not sent yet."""

from __future__ import annotations

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from services.dashboard.domain.live_changes import Changes, parse_changes

EVERYTHING = Changes(everything=True)


class TooManySubscriptions(Exception):
    """The session or token has as many open streams as it may have."""


class LiveUpdateSubscription:
    """Pending changes of one open page. They are merged until it takes them, so a slow page needs little memory."""

    def __init__(self) -> None:
        self._changes = EVERYTHING
        self._check_permission = False
        self._updated = asyncio.Event()
        self._updated.set()

    def add(self, changes: Changes) -> None:
        """Merge changes into the pending ones and wake the page."""
        self._changes = self._changes.merge(changes)
        self._updated.set()

    def require_permission_check(self) -> None:
        """Wake the page to check whether its holder may still see the school."""
        self._check_permission = True
        self._updated.set()

    async def wait(self, timeout_seconds: float) -> tuple[Changes, bool]:
        """Wait for an update; return the changes since the last call and whether to check the permission.

        The first call returns `everything` at once, because the page may be older than the subscription. After
        `timeout_seconds` without an update the changes are empty.
        """
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._updated.wait()
        except TimeoutError:
            pass
        taken = self._changes, self._check_permission
        self._changes, self._check_permission = Changes(), False
        self._updated.clear()
        return taken


class LiveUpdateSubscriptions:
    """All subscriptions of this process, fed by PostgreSQL notifications; `len` is their number."""

    def __init__(self, max_per_holder: int) -> None:
        self._max_per_holder = max_per_holder
        self._by_school: defaultdict[UUID, set[LiveUpdateSubscription]] = defaultdict(set)
        self._count_by_holder: Counter[str] = Counter()

    @contextmanager
    def subscribe(self, school_id: UUID, holder: str) -> Iterator[LiveUpdateSubscription]:
        """Subscribe to a school's changes inside the block; `holder` identifies a session or a token.

        Raises TooManySubscriptions.
        """
        if self._count_by_holder[holder] >= self._max_per_holder:
            raise TooManySubscriptions
        subscription = LiveUpdateSubscription()
        self._count_by_holder[holder] += 1
        self._by_school[school_id].add(subscription)
        try:
            yield subscription
        finally:
            self._count_by_holder -= Counter([holder])
            self._by_school[school_id].discard(subscription)
            if not self._by_school[school_id]:
                del self._by_school[school_id]

    def handle_notification(self, payload: str) -> None:
        """Pass on a notification of a school's changes; an empty one means that a session or role has ended."""
        notification = json.loads(payload)
        if not notification:
            self.require_permission_checks()
            return
        subscriptions = self._by_school.get(UUID(notification["school_id"]))
        if subscriptions:
            changes = parse_changes(notification)
            for subscription in subscriptions:
                subscription.add(changes)

    def handle_reconnect(self) -> None:
        """Treat everything as changed: notifications before the connection were not received."""
        for subscription in self._all():
            subscription.add(EVERYTHING)
            subscription.require_permission_check()

    def require_permission_checks(self) -> None:
        """Have every open page check its permission."""
        for subscription in self._all():
            subscription.require_permission_check()

    def __len__(self) -> int:
        return sum(self._count_by_holder.values())

    def _all(self) -> list[LiveUpdateSubscription]:
        return [subscription for group in self._by_school.values() for subscription in group]

"""Parents of the load: they open links, press, sign up, press twice, come back too late and request new links."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections import deque
from collections.abc import Coroutine
from typing import Any
from urllib.parse import urlsplit

from tests.faults.campaign.ledger import Entry, Outcome
from tests.faults.campaign.load.caller import Caller, Request

PASSWORD = "a long and rare passphrase"
_LINK = re.compile(r"/(verify|join)/([\w-]{22})$")
_AT_ONCE = 6
_OLD_LINKS = 200


class Parents:
    """All parents together: they read the mailbox as it fills, and some of them act."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._dice = caller.dice
        self._seen = 0
        self._old: deque[str] = deque(maxlen=_OLD_LINKS)
        self._limit = asyncio.Semaphore(_AT_ONCE)
        self._busy: set[asyncio.Task[Any]] = set()
        self._closing = False

    async def poll(self) -> None:
        """Read new messages and let some of their recipients act."""
        for path in await self._new_links():
            self._old.append(path)
            if self._dice.random() < 0.6:
                self._start(self._act(path))
        if self._old and self._dice.random() < 0.3:
            self._start(self._open_old_link(self._dice.choice(self._old)))

    async def close(self) -> None:
        """Start no more actions, and wait until those under way have a response."""
        self._closing = True
        while self._busy:
            await asyncio.gather(*self._busy)

    async def _new_links(self) -> list[str]:
        paths: list[str] = []
        newest, cursor = self._seen, ""
        while True:
            url = f"{self._caller.site.mailbox}/mailbox/v1/messages?limit=200{cursor}"
            page = await self._caller.read(url)
            if page is None or page.status_code != 200:
                return []
            items = page.json()["items"]
            fresh = [item for item in items if int(item["id"]) > self._seen]
            paths += [
                path for item in fresh for link in item["links"] if _LINK.search(path := urlsplit(link).path)
            ]
            newest = max([newest, *(int(item["id"]) for item in fresh)])
            if len(fresh) < len(items) or page.json()["next"] is None:
                self._seen = newest
                return list(dict.fromkeys(paths))[::-1]
            cursor = f"&cursor={page.json()['next']}"

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._busy.add(task)
        task.add_done_callback(self._busy.discard)

    async def _act(self, path: str) -> None:
        """Open a link, as e-mail clients do too, and press; some press twice at once, some once more."""
        async with self._limit:
            if self._closing:
                return
            await self._caller.read(self._caller.url("signup") + path)
            together = 2 if self._dice.random() < 0.2 else 1
            entries = await asyncio.gather(*(self._press(path) for _ in range(together)))
            if all(entry.outcome is not Outcome.OK for entry in entries):
                await self._press(path)

    async def _press(self, path: str) -> Entry:
        match = _LINK.search(path)
        assert match is not None
        digest = hashlib.sha256(match[2].encode()).hexdigest()
        form = {"username": f"user{digest[:20]}", "password": PASSWORD} if match[1] == "join" else {}
        sent = {"token_digest": digest, "username": form.get("username")}
        return await self._caller.send(Request(match[1], "signup", "POST", path, form=form, sent=sent))

    async def _open_old_link(self, path: str) -> None:
        """Return to an old link, which may still be good, or dead, with or without the offer of a new one."""
        async with self._limit:
            if self._closing:
                return
            page = await self._caller.read(self._caller.url("signup") + path)
            if page is not None and page.status_code == 410:
                form = {"fresh_link": "1"}
                await self._caller.send(Request("fresh_link", "signup", "POST", path, form=form))
            else:
                await self._press(path)

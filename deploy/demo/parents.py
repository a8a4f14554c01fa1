"""Simulated parents: each reacts to messages according to their character, after a random delay."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable

import aiohttp

from deploy.cli.api import Refused, Unavailable
from deploy.demo.browser import Browser, Page
from deploy.demo.characters import Character, character_of
from deploy.demo.mailbox_reader import LinkMessage

PASSWORD = "a quiet river in autumn"  # noqa: S105 - the password of simulated parents
TOO_SHORT = "river"
MAX_CONCURRENT = 5
Report = Callable[[str], None]
Reply = Callable[[str, str], Awaitable[None]]


class Parents:
    """All parents. `mean_delay_seconds` is the mean time until somebody reacts to a message.

    `report` is called with a sentence about what somebody did, `reply` with number and text of a reply to a text.
    """

    def __init__(
        self,
        browser: Browser,
        report: Report,
        *,
        mean_delay_seconds: float,
        names: dict[str, str],
        reply: Reply,
    ) -> None:
        self.mean_delay_seconds = mean_delay_seconds
        self.signed_up = 0
        self._browser = browser
        self._report = report
        self._names = names
        self._reply = reply
        self._random = random.Random(len(names))  # noqa: S311 - random delays only
        self._message_counts: Counter[tuple[str, str]] = Counter()
        self._unopened_links: dict[str, str] = {}
        self._slots = {kind: asyncio.Semaphore(MAX_CONCURRENT) for kind in ("verify", "join")}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def busy(self) -> int:
        """Return how many parents are about to react or are reacting."""
        return len(self._tasks)

    def receive(self, message: LinkMessage) -> None:
        """Let a parent react to a message in the background, or ignore it."""
        task = asyncio.create_task(self._react(message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Cancel all reactions."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _react(self, message: LinkMessage) -> None:
        address = message.to.casefold()
        self._message_counts[(address, message.kind)] += 1
        is_repeated = self._message_counts[(address, message.kind)] > 1
        character = character_of(address)
        if not is_repeated and self._ignores(character, message):
            return
        await asyncio.sleep(
            min(self._random.expovariate(1 / self.mean_delay_seconds), 4 * self.mean_delay_seconds)
        )
        if character is Character.WANTS_NO_TEXTS:
            await self._opt_out(message)
            return
        try:
            async with self._slots[message.kind]:
                await (self._verify if message.kind == "verify" else self._join)(message, character)
        except (aiohttp.ClientError, TimeoutError):
            self._report(f"{self._name(message)} could not reach the page and gave up")

    def _ignores(self, character: Character, message: LinkMessage) -> bool:
        """Return whether the parent ignores a first message. Every parent reacts to a second one of the same kind."""
        if character is Character.OLD_LINK and message.kind == "verify":
            self._unopened_links[message.to.casefold()] = message.link
            return True
        if character is Character.STOPS_HALFWAY:
            return message.kind == "join"
        return character in (Character.SILENT, Character.TOO_LATE, Character.UNREACHABLE)

    async def _opt_out(self, message: LinkMessage) -> None:
        try:
            await self._reply(message.to, "STOP")
        except (Refused, Unavailable):
            self._report(f"{self._name(message)} could not send an answer")
            return
        self._report(f"{self._name(message)} answered STOP to the text; nobody texts them again")

    async def _verify(self, message: LinkMessage, character: Character) -> None:
        if old_link := self._unopened_links.pop(message.to.casefold(), None):
            page = await self._browser.open(old_link)
            if page.status == 410:
                self._report(f"{self._name(message)} opened an old link and was told so; takes the newer one")
        clicks = 2 if character is Character.CLICKS_TWICE else 1
        pages = await asyncio.gather(*(self._browser.submit(message.link) for _ in range(clicks)))
        if len(pages) > 1 and all(page.status == 200 for page in pages):
            self._report(f"{self._name(message)} pressed the button twice; one confirmation")

    async def _join(self, message: LinkMessage, character: Character) -> None:
        if character is Character.MISTYPES:
            page = await self._browser.submit(message.link, _form(message, TOO_SHORT))
            if page.status == 422:
                self._report(
                    f"{self._name(message)} chose a password that is too short; was told, tries again"
                )
        page = await self._sign_up(message, twice=character is Character.CLICKS_TWICE)
        if page.status == 410:
            return  # a link of an earlier run of the demo
        if page.status != 200:
            self._report(f"{self._name(message)} could not sign up ({page.status})")
            return
        self.signed_up += 1
        self._report(f"{self._name(message)} signed up")
        if character is Character.FORWARDS:
            page = await self._browser.open(message.link)
            if page.status == 410:
                self._report(f"{self._name(message)} forwarded the link; it opens nothing any more")

    async def _sign_up(self, message: LinkMessage, *, twice: bool) -> Page:
        """Submit the form, with other usernames if the first one is taken."""
        page = await self._post(message, 0, twice=twice)
        attempt = 1
        while page.status == 409 and 'name="username"' in page.text and attempt < 5:
            page = await self._post(message, attempt, twice=False)
            attempt += 1
        return page

    async def _post(self, message: LinkMessage, attempt: int, *, twice: bool) -> Page:
        form = _form(message, PASSWORD, attempt)
        pages = await asyncio.gather(*(self._browser.submit(message.link, form) for _ in range(1 + twice)))
        return min(pages, key=lambda page: page.status)

    def _name(self, message: LinkMessage) -> str:
        return self._names.get(message.to.casefold(), message.to)


def _form(message: LinkMessage, password: str, attempt: int = 0) -> dict[str, str]:
    username = message.to.partition("@")[0].removeprefix("+")
    return {"username": f"{username}.{attempt + 1}" if attempt else username, "password": password}

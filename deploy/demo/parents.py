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
from deploy.demo.mailbox_reader import Mail

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
        self._mails: Counter[tuple[str, str]] = Counter()
        self._unopened_links: dict[str, str] = {}
        self._slots = {kind: asyncio.Semaphore(MAX_CONCURRENT) for kind in ("verify", "join")}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def busy(self) -> int:
        """Return how many parents are about to react or are reacting."""
        return len(self._tasks)

    def receive(self, mail: Mail) -> None:
        """Let a parent react to a message in the background, or ignore it."""
        task = asyncio.create_task(self._react(mail))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Cancel all reactions."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _react(self, mail: Mail) -> None:
        address = mail.to.casefold()
        self._mails[(address, mail.kind)] += 1
        is_repeated = self._mails[(address, mail.kind)] > 1
        character = character_of(address)
        if not is_repeated and self._ignores(character, mail):
            return
        await asyncio.sleep(
            min(self._random.expovariate(1 / self.mean_delay_seconds), 4 * self.mean_delay_seconds)
        )
        if character is Character.WANTS_NO_TEXTS:
            await self._opt_out(mail)
            return
        try:
            async with self._slots[mail.kind]:
                await (self._verify if mail.kind == "verify" else self._join)(mail, character)
        except (aiohttp.ClientError, TimeoutError):
            self._report(f"{self._name(mail)} could not reach the page and gave up")

    def _ignores(self, character: Character, mail: Mail) -> bool:
        """Return whether the parent ignores a first message. Every parent reacts to a second one of the same kind."""
        if character is Character.OLD_LINK and mail.kind == "verify":
            self._unopened_links[mail.to.casefold()] = mail.link
            return True
        if character is Character.STOPS_HALFWAY:
            return mail.kind == "join"
        return character in (Character.SILENT, Character.TOO_LATE, Character.UNREACHABLE)

    async def _opt_out(self, mail: Mail) -> None:
        try:
            await self._reply(mail.to, "STOP")
        except (Refused, Unavailable):
            self._report(f"{self._name(mail)} could not send an answer")
            return
        self._report(f"{self._name(mail)} answered STOP to the text; nobody texts them again")

    async def _verify(self, mail: Mail, character: Character) -> None:
        if old_link := self._unopened_links.pop(mail.to.casefold(), None):
            page = await self._browser.open(old_link)
            if page.status == 410:
                self._report(f"{self._name(mail)} opened an old link and was told so; takes the newer one")
        clicks = 2 if character is Character.CLICKS_TWICE else 1
        pages = await asyncio.gather(*(self._browser.submit(mail.link) for _ in range(clicks)))
        if len(pages) > 1 and all(page.status == 200 for page in pages):
            self._report(f"{self._name(mail)} pressed the button twice; one confirmation")

    async def _join(self, mail: Mail, character: Character) -> None:
        if character is Character.MISTYPES:
            page = await self._browser.submit(mail.link, _form(mail, TOO_SHORT))
            if page.status == 422:
                self._report(f"{self._name(mail)} chose a password that is too short; was told, tries again")
        page = await self._sign_up(mail, twice=character is Character.CLICKS_TWICE)
        if page.status == 410:
            return  # a link of an earlier run of the demo
        if page.status != 200:
            self._report(f"{self._name(mail)} could not sign up ({page.status})")
            return
        self.signed_up += 1
        self._report(f"{self._name(mail)} signed up")
        if character is Character.FORWARDS:
            page = await self._browser.open(mail.link)
            if page.status == 410:
                self._report(f"{self._name(mail)} forwarded the link; it opens nothing any more")

    async def _sign_up(self, mail: Mail, *, twice: bool) -> Page:
        """Submit the form, with other usernames if the first one is taken."""
        page = await self._post(mail, 0, twice=twice)
        attempt = 1
        while page.status == 409 and 'name="username"' in page.text and attempt < 5:
            page = await self._post(mail, attempt, twice=False)
            attempt += 1
        return page

    async def _post(self, mail: Mail, attempt: int, *, twice: bool) -> Page:
        form = _form(mail, PASSWORD, attempt)
        pages = await asyncio.gather(*(self._browser.submit(mail.link, form) for _ in range(1 + twice)))
        return min(pages, key=lambda page: page.status)

    def _name(self, mail: Mail) -> str:
        return self._names.get(mail.to.casefold(), mail.to)


def _form(mail: Mail, password: str, attempt: int = 0) -> dict[str, str]:
    username = mail.to.partition("@")[0].removeprefix("+")
    return {"username": f"{username}.{attempt + 1}" if attempt else username, "password": password}

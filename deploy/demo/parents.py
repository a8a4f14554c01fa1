"""Simulated parents: each reads their messages, takes their time, and does what is like them."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable

import aiohttp

from deploy.cli.api import Refused, Unavailable
from deploy.demo.browser import Browser, Page
from deploy.demo.characters import Character, character_of
from deploy.demo.mail import Mail

PASSWORD = "a quiet river in autumn"  # noqa: S105 - of people who do not exist
TOO_SHORT = "river"
AT_ONCE = 5
Tell = Callable[[str], None]
Reply = Callable[[str, str], Awaitable[None]]


class Parents:
    """All of them. `hurry` is the mean time that one takes to react, in seconds."""

    def __init__(
        self, browser: Browser, tell: Tell, *, hurry: float, names: dict[str, str], reply: Reply
    ) -> None:
        self.hurry = hurry
        self.signed_up = 0
        self._browser = browser
        self._tell = tell
        self._names = names
        self._reply = reply
        self._random = random.Random(len(names))  # noqa: S311 - how long somebody takes
        self._mails: Counter[tuple[str, str]] = Counter()
        self._old: dict[str, str] = {}
        self._doors = {kind: asyncio.Semaphore(AT_ONCE) for kind in ("verify", "join")}
        self._busy: set[asyncio.Task[None]] = set()

    @property
    def busy(self) -> int:
        """How many are thinking or clicking."""
        return len(self._busy)

    def receive(self, mail: Mail) -> None:
        """Somebody has got a message; they will react in their own time, or not."""
        task = asyncio.create_task(self._react(mail))
        self._busy.add(task)
        task.add_done_callback(self._busy.discard)

    async def leave(self) -> None:
        """Everybody stops what they are doing."""
        for task in self._busy:
            task.cancel()
        await asyncio.gather(*self._busy, return_exceptions=True)

    async def _react(self, mail: Mail) -> None:
        address = mail.to.casefold()
        self._mails[(address, mail.kind)] += 1
        reminded = self._mails[(address, mail.kind)] > 1
        character = character_of(address)
        if not reminded and self._leaves_it(character, mail):
            return
        await asyncio.sleep(min(self._random.expovariate(1 / self.hurry), 4 * self.hurry))
        if character is Character.WANTS_NO_TEXTS:
            await self._stop(mail)
            return
        try:
            async with self._doors[mail.kind]:
                await (self._verify if mail.kind == "verify" else self._join)(mail, character)
        except (aiohttp.ClientError, TimeoutError):
            self._tell(f"{self._name(mail)} could not reach the page and gave up")

    def _leaves_it(self, character: Character, mail: Mail) -> bool:
        """Whether they do nothing about a first message. Whoever is written to again does react."""
        if character is Character.OLD_LINK and mail.kind == "verify":
            self._old[mail.to.casefold()] = mail.link
            return True
        if character is Character.STOPS_HALFWAY:
            return mail.kind == "join"
        return character in (Character.SILENT, Character.TOO_LATE, Character.UNREACHABLE)

    async def _stop(self, mail: Mail) -> None:
        try:
            await self._reply(mail.to, "STOP")
        except (Refused, Unavailable):
            self._tell(f"{self._name(mail)} could not send an answer")
            return
        self._tell(f"{self._name(mail)} answered STOP to the text; nobody texts them again")

    async def _verify(self, mail: Mail, character: Character) -> None:
        if old := self._old.pop(mail.to.casefold(), None):
            page = await self._browser.look(old)
            if page.status == 410:
                self._tell(f"{self._name(mail)} opened an old link and was told so; takes the newer one")
        presses = [self._browser.press(mail.link)]
        if character is Character.CLICKS_TWICE:
            presses.append(self._browser.press(mail.link))
        pages = await asyncio.gather(*presses)
        if len(pages) > 1 and all(page.status == 200 for page in pages):
            self._tell(f"{self._name(mail)} pressed the button twice; one confirmation")

    async def _join(self, mail: Mail, character: Character) -> None:
        if character is Character.MISTYPES:
            page = await self._browser.press(mail.link, _form(mail, TOO_SHORT))
            if page.status == 422:
                self._tell(f"{self._name(mail)} chose a password that is too short; was told, tries again")
        page = await self._sign_up(mail, twice=character is Character.CLICKS_TWICE)
        if page.status == 410:
            return  # a link of an earlier telling
        if page.status != 200:
            self._tell(f"{self._name(mail)} could not sign up ({page.status})")
            return
        self.signed_up += 1
        self._tell(f"{self._name(mail)} signed up")
        if character is Character.FORWARDS:
            page = await self._browser.look(mail.link)
            if page.status == 410:
                self._tell(f"{self._name(mail)} forwarded the link; it opens nothing any more")

    async def _sign_up(self, mail: Mail, *, twice: bool) -> Page:
        """Post the form; with another username when somebody else has that one."""
        page = await self._post(mail, 0, twice=twice)
        turn = 1
        while page.status == 409 and 'name="username"' in page.text and turn < 5:
            page = await self._post(mail, turn, twice=False)
            turn += 1
        return page

    async def _post(self, mail: Mail, turn: int, *, twice: bool) -> Page:
        form = _form(mail, PASSWORD, turn)
        pages = await asyncio.gather(*(self._browser.press(mail.link, form) for _ in range(1 + twice)))
        return min(pages, key=lambda one: one.status)

    def _name(self, mail: Mail) -> str:
        return self._names.get(mail.to.casefold(), mail.to)


def _form(mail: Mail, password: str, turn: int = 0) -> dict[str, str]:
    username = mail.to.partition("@")[0].removeprefix("+")
    return {"username": f"{username}.{turn + 1}" if turn else username, "password": password}

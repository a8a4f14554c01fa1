"""The demo's story: a school loads its spreadsheet and invites everybody; parents answer, or do not."""

from __future__ import annotations

import asyncio
from typing import Any

from deploy.cli.api import Refused, Unavailable
from deploy.demo.browser import Browser
from deploy.demo.calendar import Calendar
from deploy.demo.characters import Character, character_of
from deploy.demo.mail import Mailbox
from deploy.demo.office import Office
from deploy.demo.parents import Parents
from deploy.demo.screen import Screen

LOOK_EVERY_SECONDS = 1.0
QUIET_LOOKS = 4
ALL: dict[str, Any] = {"all": True}
NOT_INVITED: dict[str, Any] = {"filter": {"status": ["not_invited"]}}
TAKEN_BACK = 2
LATER_HURRY_SECONDS = 3.0


class Story:
    """One telling. `seconds` is about how long the parents take, all together."""

    def __init__(
        self, office: Office, browser: Browser, screen: Screen, calendar: Calendar, *, seconds: float
    ) -> None:
        self._office = office
        self._calendar = calendar
        self._screen = screen
        self._seconds = seconds
        self._browser = browser
        self._mailbox = Mailbox(office.api)
        self._ids: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._office_is_done = False

    async def tell(self, spreadsheet: str, *, forever: bool) -> None:
        """From the spreadsheet to the last answer; `forever` goes on answering what the office sends by hand."""
        await self._load(spreadsheet)
        await self._meet()
        parents = Parents(
            self._browser,
            self._screen.tell,
            hurry=self._seconds / 8,
            names=self._names,
            reply=self._office.reply,
        )
        try:
            await asyncio.gather(self._answer(parents), self._act())
            await self._close(parents)
            while forever:
                await self._look(parents)
                await asyncio.sleep(LOOK_EVERY_SECONDS)
        finally:
            await parents.leave()

    async def _load(self, spreadsheet: str) -> None:
        self._screen.stage("The office loads its spreadsheet.")
        rows = spreadsheet.count("\n") - 1
        self._screen.bar("Pupils read", 0, rows)
        counts: dict[str, int] = {}
        async for state in self._office.load(spreadsheet):
            counts = state["counts"]
            self._screen.bar("Pupils read", min(counts["rows"], rows), rows)
        self._screen.stage(
            f"{counts['rows']} pupils and {counts['parents_new']} parents are in, "
            f"{counts['siblings_linked']} siblings were linked. Nobody has got a message yet."
        )

    async def _meet(self) -> None:
        """Learn who is who, and which addresses do not work."""
        expected = await self._office.on_the_roll()
        rows = await self._office.parents()
        while len(rows) < expected:
            await asyncio.sleep(LOOK_EVERY_SECONDS)
            rows = await self._office.parents()
        for row in rows:
            addresses = [contact["address"].casefold() for contact in row["contacts"]]
            self._names |= dict.fromkeys(addresses, row["name"])
            # Whoever has an e-mail address gets mails, and only the others are texted.
            for address in ([one for one in addresses if "@" in one] or addresses)[:1]:
                self._ids[address] = row["parent_id"]
        await self._office.play(self._of(Character.UNREACHABLE), "refuse")
        await self._office.play(self._of(Character.GREYLISTED), "delay", times=1)

    async def _act(self) -> None:
        await self._invite()
        await asyncio.sleep(self._seconds / 4)
        await self._second_thoughts()
        await asyncio.sleep(self._seconds / 4)
        await self._a_week_passes()
        self._office_is_done = True

    async def _invite(self) -> None:
        preview = await self._office.preview(ALL)
        skipped = sum(preview["skipped"].values())
        self._screen.stage(
            f"The office invites everybody: {preview['to_message']} get a mail, {skipped} cannot."
        )
        await self._run(ALL, "email", "Mails on their way")
        try:
            await self._run(NOT_INVITED, "sms", "Text messages on their way")
        except Refused:
            self._screen.tell("Text messages are not set up here: parents without e-mail wait.")

    async def _run(self, select: dict[str, Any], channel: str, name: str) -> None:
        async for run in self._office.invite_all(select, channel):
            if run["selected"]:
                self._screen.bar(name, run["selected"] - run["pending"], run["selected"])

    async def _second_thoughts(self) -> None:
        """Some are invited once more while their first link is still unopened; two are taken back."""
        again = self._of(Character.OLD_LINK)
        for address in again:
            await self._office.invite_again(self._ids[address])
        taken_back = 0
        for address in self._of(Character.SILENT)[:TAKEN_BACK]:
            try:
                await self._office.withdraw(self._ids[address])
            except Refused:
                continue
            taken_back += 1
        self._screen.stage(f"The office invites {len(again)} again, and takes {taken_back} invitations back.")

    async def _a_week_passes(self) -> None:
        late = [self._ids[address] for address in self._of(Character.TOO_LATE)]
        ended = await self._calendar.let_a_week_pass(late)
        self._screen.stage(
            f"For {ended} who never answered a week passes: the demo sets the end of their links to now, and Kinvite "
            "notices by itself."
        )

    def _of(self, character: Character) -> list[str]:
        """The addresses and numbers of that character."""
        return sorted(address for address in self._ids if character_of(address) is character)

    async def _answer(self, parents: Parents) -> None:
        """Let the parents answer until nothing more comes."""
        quiet = 0
        while quiet < QUIET_LOOKS:
            busy = await self._look(parents) or parents.busy
            quiet = 0 if busy or not self._office_is_done else quiet + 1
            await asyncio.sleep(LOOK_EVERY_SECONDS)

    async def _look(self, parents: Parents) -> bool:
        """Hand out new messages and count; whether anything was new. A part that restarts is waited for."""
        try:
            mails = await self._mailbox.new()
            counts = await self._office.counts()
        except Unavailable:
            self._screen.tell("Kinvite does not answer for a moment; nothing is lost meanwhile.")
            return True
        for mail in mails:
            parents.receive(mail)
        self._screen.counts(counts)
        if counts["total"]:
            self._screen.bar("Signed up", counts["signed_up"], counts["total"])
        return bool(mails)

    async def _close(self, parents: Parents) -> None:
        counts = await self._office.counts()
        standing = ", ".join(
            f"{count} {status.replace('_', ' ')}"
            for status, count in counts.items()
            if count and status != "total"
        )
        parents.hurry = min(parents.hurry, LATER_HURRY_SECONDS)
        self._screen.stage(
            f"Of {counts['total']} parents: {standing}. Now it is your turn: Re-Invite somebody and watch. "
            "Ctrl-C stops."
        )

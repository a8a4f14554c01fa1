"""The demo's story: a school imports its spreadsheet and invites all parents; parents react according to character."""

from __future__ import annotations

import asyncio
from typing import Any

from deploy.cli.api import Refused, Unavailable
from deploy.demo.browser import Browser
from deploy.demo.calendar import Calendar
from deploy.demo.characters import Character, character_of
from deploy.demo.mailbox_reader import MailboxReader
from deploy.demo.parents import Parents
from deploy.demo.school_client import SchoolClient
from deploy.demo.screen import Screen

POLL_SECONDS = 1.0
QUIET_POLLS = 4
ALL: dict[str, Any] = {"all": True}
NOT_INVITED: dict[str, Any] = {"filter": {"status": ["not_invited"]}}
WITHDRAWALS = 2
FINAL_MEAN_DELAY_SECONDS = 3.0


class Story:
    """One performance. `seconds` is about how long all parents together take."""

    def __init__(
        self, client: SchoolClient, browser: Browser, screen: Screen, calendar: Calendar, *, seconds: float
    ) -> None:
        self._client = client
        self._calendar = calendar
        self._screen = screen
        self._seconds = seconds
        self._browser = browser
        self._mailbox = MailboxReader(client.api)
        self._parent_ids: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._school_is_done = False

    async def play(self, spreadsheet: str, *, forever: bool) -> None:
        """Play the story from the import to the last answer.

        With `forever` the parents then go on answering messages that a person sends by hand. Raises Refused and
        Unavailable.
        """
        await self._import(spreadsheet)
        await self._learn_parents()
        parents = Parents(
            self._browser,
            self._screen.add_event,
            mean_delay_seconds=self._seconds / 8,
            names=self._names,
            reply=self._client.reply,
        )
        try:
            await asyncio.gather(self._answer(parents), self._act())
            await self._summarise(parents)
            while forever:
                await self._poll(parents)
                await asyncio.sleep(POLL_SECONDS)
        finally:
            await parents.stop()

    async def _import(self, spreadsheet: str) -> None:
        self._screen.announce("The office loads its spreadsheet.")
        rows = spreadsheet.count("\n") - 1
        self._screen.update_bar("Pupils read", 0, rows)
        counts: dict[str, int] = {}
        async for state in self._client.import_families(spreadsheet):
            counts = state["counts"]
            self._screen.update_bar("Pupils read", min(counts["rows"], rows), rows)
        self._screen.announce(
            f"{counts['rows']} pupils and {counts['parents_new']} parents are in, "
            f"{counts['siblings_linked']} siblings were linked. Nobody has got a message yet."
        )

    async def _learn_parents(self) -> None:
        """Read ids, names and addresses of all parents, and set the addresses that do not work."""
        expected = await self._client.count_roster_parents()
        rows = await self._client.list_parents()
        while len(rows) < expected:
            await asyncio.sleep(POLL_SECONDS)
            rows = await self._client.list_parents()
        for row in rows:
            addresses = [contact["address"].casefold() for contact in row["contacts"]]
            self._names |= dict.fromkeys(addresses, row["name"])
            # Parents with an e-mail address get e-mail; only the others get text messages.
            emails = [address for address in addresses if "@" in address]
            for address in (emails or addresses)[:1]:
                self._parent_ids[address] = row["parent_id"]
        await self._client.set_behaviour(self._addresses_of(Character.UNREACHABLE), "refuse")
        await self._client.set_behaviour(self._addresses_of(Character.GREYLISTED), "delay", times=1)

    async def _act(self) -> None:
        """Do the work of the school's staff."""
        await self._invite()
        await asyncio.sleep(self._seconds / 4)
        await self._reinvite_and_withdraw()
        await asyncio.sleep(self._seconds / 4)
        await self._expire_links()
        self._school_is_done = True

    async def _invite(self) -> None:
        preview = await self._client.preview(ALL)
        skipped = sum(preview["skipped"].values())
        self._screen.announce(
            f"The office invites everybody: {preview['to_message']} get a mail, {skipped} cannot."
        )
        await self._run_bulk(ALL, "email", "Mails on their way")
        try:
            await self._run_bulk(NOT_INVITED, "sms", "Text messages on their way")
        except Refused:
            self._screen.add_event("Text messages are not set up here: parents without e-mail wait.")

    async def _run_bulk(self, select: dict[str, Any], channel: str, name: str) -> None:
        async for run in self._client.invite_all(select, channel):
            if run["selected"]:
                self._screen.update_bar(name, run["selected"] - run["pending"], run["selected"])

    async def _reinvite_and_withdraw(self) -> None:
        """Invite some parents again whose first link is still unopened, and withdraw WITHDRAWALS invitations."""
        reinvited = self._addresses_of(Character.OLD_LINK)
        for address in reinvited:
            await self._client.invite_again(self._parent_ids[address])
        withdrawn = 0
        for address in self._addresses_of(Character.SILENT)[:WITHDRAWALS]:
            try:
                await self._client.withdraw(self._parent_ids[address])
            except Refused:
                continue
            withdrawn += 1
        self._screen.announce(
            f"The office invites {len(reinvited)} again, and takes {withdrawn} invitations back."
        )

    async def _expire_links(self) -> None:
        late = [self._parent_ids[address] for address in self._addresses_of(Character.TOO_LATE)]
        expired = await self._calendar.expire_links(late)
        self._screen.announce(
            f"For {expired} who never answered a week passes: the demo sets the end of their links to now, and Kinvite "
            "notices by itself."
        )

    def _addresses_of(self, character: Character) -> list[str]:
        return sorted(address for address in self._parent_ids if character_of(address) is character)

    async def _answer(self, parents: Parents) -> None:
        """Let the parents answer until QUIET_POLLS polls after the school's last action have found nothing."""
        quiet_polls = 0
        while quiet_polls < QUIET_POLLS:
            is_busy = await self._poll(parents) or parents.busy
            quiet_polls = 0 if is_busy or not self._school_is_done else quiet_polls + 1
            await asyncio.sleep(POLL_SECONDS)

    async def _poll(self, parents: Parents) -> bool:
        """Deliver new messages to the parents, update the screen and return whether there was anything new.

        A part of Kinvite that restarts counts as something new.
        """
        try:
            messages = await self._mailbox.read_new()
            counts = await self._client.count_by_status()
        except Unavailable:
            self._screen.add_event("Kinvite does not answer for a moment; nothing is lost meanwhile.")
            return True
        for message in messages:
            parents.receive(message)
        self._screen.set_counts(counts)
        if counts["total"]:
            self._screen.update_bar("Signed up", counts["signed_up"], counts["total"])
        return bool(messages)

    async def _summarise(self, parents: Parents) -> None:
        counts = await self._client.count_by_status()
        statuses = ", ".join(
            f"{count} {status.replace('_', ' ')}"
            for status, count in counts.items()
            if count and status != "total"
        )
        parents.mean_delay_seconds = min(parents.mean_delay_seconds, FINAL_MEAN_DELAY_SECONDS)
        self._screen.announce(
            f"Of {counts['total']} parents: {statuses}. Now it is your turn: Re-Invite somebody and watch. "
            "Ctrl-C stops."
        )

"""Tells the notifier what became of text messages and what people answered, signed as Twilio signs."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from secrets import token_hex
from typing import Self
from urllib.parse import urlsplit

import aiohttp
from twilio.request_validator import RequestValidator

from deploy.embedded.mailbox.state import Copy, State

INBOUND_PATH = "/notifier/hooks/twilio/inbound"
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 10.0
REPORT_SECONDS = 10.0
AT_ONCE = 8


@dataclass(frozen=True)
class Account:
    """What the notifier signs in with here, and what reports to it are signed with."""

    sid: str
    token: str


@dataclass(frozen=True)
class Site:
    """Where Kinvite is: as people and signatures know it, and as this machine reaches it."""

    public_url: str
    local_url: str


class Reporter:
    """An async context manager. What was not told when a run ended is told in the next one."""

    def __init__(self, state: State, account: Account, site: Site) -> None:
        self._state = state
        self._account = account
        self._site = site
        self._validator = RequestValidator(account.token)
        self._tasks: set[asyncio.Task[None]] = set()
        self._places = asyncio.Semaphore(AT_ONCE)

    async def __aenter__(self) -> Self:
        limit = aiohttp.ClientTimeout(total=REPORT_SECONDS)
        self._session = aiohttp.ClientSession(timeout=limit)
        for copy in self._state.unreported():
            self.report(copy)
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._session.close()

    def report(self, copy: Copy) -> None:
        """Tell how a copy goes on, in the background, until it was heard."""
        task = asyncio.create_task(self._tell_all(copy))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def reply(self, number: str, channel: str, sender: str, text: str) -> bool:
        """The owner of a number answers a message; True when the notifier heard it."""
        prefix = "whatsapp:" if channel == "whatsapp" else ""
        word = text.strip().upper()
        fields = {
            "AccountSid": self._account.sid,
            "MessageSid": f"SM{token_hex(16)}",
            "From": prefix + number,
            "To": prefix + sender.removeprefix("whatsapp:"),
            "Body": text,
        }
        if word in {"STOP", "START"}:
            fields["OptOutType"] = word
            (self._state.stop if word == "STOP" else self._state.start)(number, channel)
        return await self._post(f"{self._site.public_url}{INBOUND_PATH}", fields)

    async def _tell_all(self, copy: Copy) -> None:
        self._state.move(copy.sid, copy.ends_as)
        if copy.report_to and self._state.take(copy.number, "silent") is None:
            for status in dict.fromkeys(["sent", copy.ends_as]):
                await self._until_heard(copy.report_to, _fields(copy, status, self._account.sid))
        self._state.move(copy.sid, copy.ends_as, reported=True)
        if self._state.take(copy.number, "stop") is not None:
            await self.reply(copy.number, copy.channel, copy.sender, "STOP")

    async def _until_heard(self, url: str, fields: Mapping[str, str]) -> None:
        pause = FIRST_PAUSE_SECONDS
        async with self._places:
            while not await self._post(url, fields):
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    async def _post(self, url: str, fields: Mapping[str, str]) -> bool:
        """Post a signed form; True when somebody took it, or never will."""
        signature = self._validator.compute_signature(url, dict(fields))
        place = url.replace(self._site.public_url, self._site.local_url, 1)
        with suppress(aiohttp.ClientError, OSError, TimeoutError):
            async with self._session.post(
                place, data=fields, headers={"X-Twilio-Signature": signature}
            ) as answer:
                return answer.status < 500
        return urlsplit(place).scheme not in {"http", "https"}


def _fields(copy: Copy, status: str, account_sid: str) -> dict[str, str]:
    prefix = "whatsapp:" if copy.channel == "whatsapp" else ""
    fields = {
        "AccountSid": account_sid,
        "ApiVersion": "2010-04-01",
        "MessageSid": copy.sid,
        "SmsSid": copy.sid,
        "MessageStatus": status,
        "SmsStatus": status,
        "From": copy.sender,
        "To": prefix + copy.number,
    }
    if copy.code is not None and status in {"undelivered", "failed"}:
        fields["ErrorCode"] = str(copy.code)
    return fields

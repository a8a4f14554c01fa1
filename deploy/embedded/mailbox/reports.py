"""Sender of delivery reports and replies to the notifier's webhooks, signed as Twilio signs them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from secrets import token_hex
from typing import Self
from urllib.parse import urlsplit

import aiohttp
from twilio.request_validator import RequestValidator

from deploy.embedded.mailbox.state import State, TextMessage

INBOUND_PATH = "/notifier/hooks/twilio/inbound"
MIN_RETRY_DELAY_SECONDS = 0.1
MAX_RETRY_DELAY_SECONDS = 10.0
REQUEST_TIMEOUT_SECONDS = 10.0
MAX_CONCURRENT_REPORTS = 8


@dataclass(frozen=True)
class Account:
    """Twilio account: the notifier signs in with it, and `token` signs the reports."""

    sid: str
    token: str


@dataclass(frozen=True)
class Site:
    """Base URLs of Kinvite: `public_url` as used in links and signatures, `local_url` as this machine reaches it."""

    public_url: str
    local_url: str


class Reporter:
    """Async context manager that sends reports. Reports that a run could not deliver are sent by the next run."""

    def __init__(self, state: State, account: Account, site: Site) -> None:
        self._state = state
        self._account = account
        self._site = site
        self._validator = RequestValidator(account.token)
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(MAX_CONCURRENT_REPORTS)

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_SECONDS)
        self._session = aiohttp.ClientSession(timeout=timeout)
        for text in self._state.list_unreported():
            self.report(text)
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._session.close()

    def report(self, text: TextMessage) -> None:
        """Report the statuses of a text message in the background, with retries until the notifier accepts them."""
        task = asyncio.create_task(self._report_all(text))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def reply(self, number: str, channel: str, sender: str, text: str) -> bool:
        """Send a reply from a phone number to `sender` and return whether the notifier accepted it.

        STOP and START also change whether the number accepts messages on this channel.
        """
        prefix = "whatsapp:" if channel == "whatsapp" else ""
        keyword = text.strip().upper()
        fields = {
            "AccountSid": self._account.sid,
            "MessageSid": f"SM{token_hex(16)}",
            "From": prefix + number,
            "To": prefix + sender.removeprefix("whatsapp:"),
            "Body": text,
        }
        if keyword in {"STOP", "START"}:
            fields["OptOutType"] = keyword
            (self._state.opt_out if keyword == "STOP" else self._state.opt_in)(number, channel)
        return await self._post(f"{self._site.public_url}{INBOUND_PATH}", fields)

    async def _report_all(self, text: TextMessage) -> None:
        self._state.update_status(text.sid, text.ends_as)
        if text.report_to and self._state.consume_behaviour(text.number, "silent") is None:
            for status in dict.fromkeys(["sent", text.ends_as]):
                await self._post_until_accepted(text.report_to, _report(text, status, self._account.sid))
        self._state.update_status(text.sid, text.ends_as, reported=True)
        if self._state.consume_behaviour(text.number, "stop") is not None:
            await self.reply(text.number, text.channel, text.sender, "STOP")

    async def _post_until_accepted(self, url: str, fields: Mapping[str, str]) -> None:
        delay_seconds = MIN_RETRY_DELAY_SECONDS
        async with self._slots:
            while not await self._post(url, fields):
                await asyncio.sleep(delay_seconds)
                delay_seconds = min(delay_seconds * 2, MAX_RETRY_DELAY_SECONDS)

    async def _post(self, url: str, fields: Mapping[str, str]) -> bool:
        """Post a signed form. Return False if a retry is worthwhile: for no answer and for statuses from 500 on."""
        signature = self._validator.compute_signature(url, dict(fields))
        target = url.replace(self._site.public_url, self._site.local_url, 1)
        with suppress(aiohttp.ClientError, OSError, TimeoutError):
            async with self._session.post(
                target, data=fields, headers={"X-Twilio-Signature": signature}
            ) as response:
                return response.status < 500
        return urlsplit(target).scheme not in {"http", "https"}


def _report(text: TextMessage, status: str, account_sid: str) -> dict[str, str]:
    prefix = "whatsapp:" if text.channel == "whatsapp" else ""
    fields = {
        "AccountSid": account_sid,
        "ApiVersion": "2010-04-01",
        "MessageSid": text.sid,
        "SmsSid": text.sid,
        "MessageStatus": status,
        "SmsStatus": status,
        "From": text.sender,
        "To": prefix + text.number,
    }
    if text.code is not None and status in {"undelivered", "failed"}:
        fields["ErrorCode"] = str(text.code)
    return fields

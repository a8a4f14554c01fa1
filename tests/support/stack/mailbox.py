"""The mailbox in a process of its own, on fixed ports:

`python -m tests.support.stack.mailbox <arguments as JSON>`.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import uvicorn

from deploy.embedded.mailbox import Mailbox
from deploy.embedded.mailbox.parsing import parse_message
from deploy.embedded.mailbox.reports import Account, Site
from deploy.embedded.mailbox.store import Arrival, StoredMessage, message_key

ARRIVALS = "arrivals.jsonl"
_TOKEN = re.compile(r"/(verify|join)/[\w-]{22}$")


@dataclass(frozen=True, slots=True)
class MailboxProcess:
    """Folder, ports, addresses and account of the mailbox."""

    directory: str
    smtp_port: int
    twilio_port: int
    http_port: int
    public_url: str
    local_url: str
    account_sid: str
    account_token: str

    @property
    def settings(self) -> dict[str, str]:
        """Return the settings with which the notifier sends everything there."""
        return self._mailbox().settings

    @property
    def command(self) -> list[str]:
        """Return the command that starts it."""
        return [sys.executable, "-m", "tests.support.stack.mailbox", json.dumps(asdict(self))]

    def _mailbox(self) -> Mailbox:
        return Mailbox(
            Path(self.directory),
            self.smtp_port,
            twilio_port=self.twilio_port,
            site=Site(self.public_url, self.local_url),
            account=Account(self.account_sid, self.account_token),
        )

    async def serve(self) -> None:
        """Serve until it is killed."""
        mailbox = self._mailbox()
        mailbox.store.add = _recording(mailbox.store.add, Path(self.directory) / ARRIVALS)  # type: ignore[method-assign, assignment]
        async with mailbox:
            config = uvicorn.Config(mailbox.app, port=self.http_port, log_config=None, access_log=False)
            await uvicorn.Server(config).serve()


def _recording(
    add: Callable[[Sequence[Arrival]], Awaitable[None]], file: Path
) -> Callable[..., Awaitable[None]]:
    """Wrap `add` so that each copy of each message is recorded with its links before the sender gets its
    acknowledgement.
    """
    numbers = itertools.count(-time.time_ns(), 1)

    async def add_and_note(arrivals: Sequence[Arrival]) -> None:
        await add(arrivals)
        with file.open("a") as sink:
            for arrival in arrivals:
                sink.write(json.dumps(_build_note(arrival, next(numbers))) + "\n")

    return add_and_note


def _build_note(arrival: Arrival, number: int) -> dict[str, Any]:
    message = StoredMessage(number, arrival.channel, arrival.recipient, arrival.raw, 0, 1)
    return {
        "at": time.time(),
        "channel": arrival.channel,
        "to": arrival.recipient,
        "key": arrival.key or message_key(arrival.raw),
        "links": sorted({link for link in parse_message(message).links if _TOKEN.search(link)}),
    }


if __name__ == "__main__":
    asyncio.run(MailboxProcess(**json.loads(sys.argv[1])).serve())

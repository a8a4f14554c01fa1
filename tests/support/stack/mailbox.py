"""`python -m tests.support.stack.mailbox <arguments as JSON>`: the mailbox on ports that stay, alone in a process."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import uvicorn

from deploy.embedded.mailbox import Mailbox
from deploy.embedded.mailbox.reports import Account, Site


@dataclass(frozen=True, slots=True)
class MailboxPlace:
    """Where it keeps what it got, where it listens, and who tells it what."""

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
        """What the notifier is told to send everything there."""
        return self._mailbox().settings

    @property
    def command(self) -> list[str]:
        """How it is started."""
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
        """Until it is killed."""
        async with self._mailbox() as mailbox:
            config = uvicorn.Config(mailbox.app, port=self.http_port, log_config=None, access_log=False)
            await uvicorn.Server(config).serve()


if __name__ == "__main__":
    asyncio.run(MailboxPlace(**json.loads(sys.argv[1])).serve())

"""The mailbox as one thing to start: store, SMTP server, the server that speaks Twilio's API, and the ASGI app."""

import secrets
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Self

from fastapi import FastAPI

from deploy.embedded.mailbox.app import create_app
from deploy.embedded.mailbox.contents import content_sids_setting, contents
from deploy.embedded.mailbox.phones import Phones, phone_server
from deploy.embedded.mailbox.reports import Account, Reporter, Site
from deploy.embedded.mailbox.smtp import smtp_server
from deploy.embedded.mailbox.state import State
from deploy.embedded.mailbox.store import RETENTION_DAYS, Store

SMS_NUMBER = "+15550100200"
WHATSAPP_NUMBER = "+15550100300"


class Mailbox:
    """An async context manager. Mails go in at `smtp_url`, texts at `twilio_url`; read through `app` or `store`.

    The file `mailbox.sqlite3` in `data_dir` holds live links, so its mode is 0600 and it forgets after
    `retention_days`. Texts are sent with `account`, a new one at each start if none is given. Entering raises
    OSError when the port is taken or the directory cannot be written.
    """

    def __init__(
        self,
        data_dir: Path,
        smtp_port: int = 0,
        *,
        twilio_port: int = 0,
        host: str = "127.0.0.1",
        site: Site | None = None,
        account: Account | None = None,
        retention_days: float = RETENTION_DAYS,
    ) -> None:
        self.store = Store(data_dir / "mailbox.sqlite3", retention_days=retention_days)
        self.state = State(data_dir / "mailbox-play.sqlite3", retention_seconds=retention_days * 86_400)
        self.account = account or Account(f"AC{secrets.token_hex(16)}", secrets.token_hex(16))
        self.reporter = Reporter(
            self.state, self.account, site or Site("http://localhost", "http://localhost")
        )
        self.app: FastAPI = create_app(self.store, self.state, self.reporter)
        self.smtp_port = smtp_port
        self.twilio_port = twilio_port
        self._host = host

    @property
    def smtp_url(self) -> str:
        return f"smtp://{self._host}:{self.smtp_port}"

    @property
    def twilio_url(self) -> str:
        return f"http://{self._host}:{self.twilio_port}"

    @property
    def settings(self) -> dict[str, str]:
        """What the notifier needs to be told to send everything here."""
        return {
            "NOTIFIER_SMTP_URL": self.smtp_url,
            "NOTIFIER_TWILIO_BASE_URL": self.twilio_url,
            "NOTIFIER_TWILIO_ACCOUNT_SID": self.account.sid,
            "NOTIFIER_TWILIO_AUTH_TOKEN": self.account.token,
            "NOTIFIER_TWILIO_SMS_FROM": SMS_NUMBER,
            "NOTIFIER_TWILIO_WHATSAPP_FROM": WHATSAPP_NUMBER,
            "NOTIFIER_TWILIO_CONTENT_SIDS": content_sids_setting(),
        }

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.store)
            stack.enter_context(self.state)
            await stack.enter_async_context(self.reporter)
            phones = Phones(self.store, self.state, self.reporter, self.account, contents())
            self.twilio_port = await stack.enter_async_context(
                phone_server(phones, host=self._host, port=self.twilio_port)
            )
            self.smtp_port = await stack.enter_async_context(
                smtp_server(self.store, self.state, host=self._host, port=self.smtp_port)
            )
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

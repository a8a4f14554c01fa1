"""Composition of the mailbox: message store, SMTP server, Twilio API server and the ASGI app."""

from __future__ import annotations

import secrets
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Self

from fastapi import FastAPI

from deploy.embedded.mailbox.app import create_app
from deploy.embedded.mailbox.reports import Account, Reporter, Site
from deploy.embedded.mailbox.smtp import smtp_server
from deploy.embedded.mailbox.state import State
from deploy.embedded.mailbox.store import RETENTION_DAYS, Store
from deploy.embedded.mailbox.twilio_api import TwilioApi, twilio_server
from deploy.embedded.mailbox.whatsapp_templates import content_sids_setting, template_texts

SMS_NUMBER = "+15550100200"
WHATSAPP_NUMBER = "+15550100300"


class Mailbox:
    """Async context manager that runs the mailbox. It takes e-mail at `smtp_url` and text messages at `twilio_url`.

    Messages are read through `app` or `store`. The file `mailbox.sqlite3` in `data_dir` holds valid links: its mode is
    0600, and messages are deleted after `retention_days`. `account` is the Twilio account that senders sign in with; a
    new one is generated if none is given. Port 0 takes a free port. Entering raises OSError if a port is taken or the
    directory cannot be written.
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
        """Return the URL of the SMTP server."""
        return f"smtp://{self._host}:{self.smtp_port}"

    @property
    def twilio_url(self) -> str:
        """Return the base URL of the Twilio API."""
        return f"http://{self._host}:{self.twilio_port}"

    @property
    def settings(self) -> dict[str, str]:
        """Return the settings with which the notifier sends everything to this mailbox."""
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
            api = TwilioApi(self.store, self.state, self.reporter, self.account, template_texts())
            self.twilio_port = await stack.enter_async_context(
                twilio_server(api, host=self._host, port=self.twilio_port)
            )
            self.smtp_port = await stack.enter_async_context(
                smtp_server(self.store, self.state, host=self._host, port=self.smtp_port)
            )
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

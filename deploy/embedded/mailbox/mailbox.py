"""The mailbox as one thing to start: store, SMTP server and ASGI app."""

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Self

from fastapi import FastAPI

from deploy.embedded.mailbox.app import create_app
from deploy.embedded.mailbox.smtp import smtp_server
from deploy.embedded.mailbox.store import RETENTION_DAYS, Store


class Mailbox:
    """An async context manager. Mails go in at `smtp_url`; they are read through `app` or `store`.

    The file `mailbox.sqlite3` in `data_dir` holds live links, so its mode is 0600 and it forgets after
    `retention_days`. Entering raises OSError when the port is taken or the directory cannot be written.
    """

    def __init__(
        self,
        data_dir: Path,
        smtp_port: int = 0,
        *,
        host: str = "127.0.0.1",
        retention_days: float = RETENTION_DAYS,
    ) -> None:
        self.store = Store(data_dir / "mailbox.sqlite3", retention_days=retention_days)
        self.app: FastAPI = create_app(self.store)
        self.smtp_port = smtp_port
        self._host = host

    @property
    def smtp_url(self) -> str:
        return f"smtp://{self._host}:{self.smtp_port}"

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.store)
            self.smtp_port = await stack.enter_async_context(
                smtp_server(self.store, host=self._host, port=self.smtp_port)
            )
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

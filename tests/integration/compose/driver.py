"""The office at the gateway: the same calls as on the embedded run, with the mails read from Mailpit."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.acceptance.kinvite_up import KinviteUp
from tests.integration.compose.stack import Stack
from tests.support.waiting import eventually

_LINK = re.compile(r"https?://[^\s<>\"]+/(?:verify|join)/[\w-]{22}")
_PAGE = 500
PASSWORD = "correct horse battery 1"


class ComposeOffice(KinviteUp):
    """Calls with a token minted inside a container; nothing here starts or ends a process."""

    def __init__(self, stack: Stack) -> None:
        super().__init__(Path())
        self.stack = stack
        self.port = stack.port
        self.client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{stack.port}", timeout=60)
        self._mailpit = httpx.AsyncClient(base_url=f"http://127.0.0.1:{stack.mail_port}/api/v1", timeout=60)

    async def start(self) -> None:
        """Get a token, as docs/operations.md says."""
        self.client.headers["Authorization"] = f"Bearer {self.stack.token}"

    async def stop(self) -> None:
        """Close the connections."""
        await self.client.aclose()
        await self._mailpit.aclose()

    async def mails(self, **filters: str) -> list[Any]:
        """What Mailpit holds; the links, which cost a call each, only for the mails of one address (`to`)."""
        found: list[Any] = []
        while True:
            page = await self._page(len(found))
            found += page["messages"]
            if len(page["messages"]) < _PAGE:
                break
        mails = [
            {"id": mail["ID"], "to": mail["To"][0]["Address"], "received_at": mail["Created"]}
            for mail in found
        ]
        if "to" in filters:
            mails = [
                {**mail, "links": await self._links(mail["id"])}
                for mail in mails
                if mail["to"] == filters["to"]
            ]
        return mails

    async def _page(self, start: int) -> Any:
        try:
            answer = await self._mailpit.get("/messages", params={"start": start, "limit": _PAGE})
        except httpx.TransportError as error:
            raise AssertionError("Mailpit does not answer") from error
        return answer.json()

    async def _links(self, mail_id: str) -> list[str]:
        mail = (await self._mailpit.get(f"/message/{mail_id}")).json()
        return _LINK.findall(mail["Text"])

    async def invite_all(self, school_id: str) -> str:
        """A bulk run's id."""
        run = await self.post(
            f"/invitations/v1/schools/{school_id}/bulk",
            {"select": {"all": True}, "channel": "email"},
            status=202,
        )
        return str(run["bulk_id"])

    async def all_can_be_messaged(self, school_id: str, parents: int) -> None:
        """Returns when the preview of a run for all has so many: then each of them has arrived where runs are made."""

        async def arrived() -> None:
            body = {"select": {"all": True}, "channel": "email", "dry_run": True}
            preview = await self.post(f"/invitations/v1/schools/{school_id}/bulk", body)
            assert preview["to_message"] == parents, preview

        await eventually(arrived, within_seconds=120, every_seconds=0.5)

    async def run_is(self, school_id: str, bulk_id: str, *states: str) -> Any:
        """The run, when it is in one of the states."""

        async def there() -> Any:
            run = await self.get(f"/invitations/v1/schools/{school_id}/bulk/{bulk_id}")
            assert run["state"] in states, run
            return run

        return await eventually(there, within_seconds=180, every_seconds=0.5)

    async def parents(self, school_id: str) -> list[Any]:
        """The status view."""
        return await self.items(f"/dashboard/v1/schools/{school_id}/parents")

    async def sign_up(self, address: str, username: str) -> tuple[str, str]:
        """Be the parent of an invited address, up to the account; answers the two links used."""
        async with httpx.AsyncClient(follow_redirects=True, timeout=60) as parent:
            verify = await self.link(address, "verify")
            assert (await parent.get(verify)).status_code == 200
            assert (await parent.post(verify)).status_code == 200
            join = await self.link(address, "join")
            done = await parent.post(join, data={"username": username, "password": PASSWORD})
            assert done.status_code == 200, done.text[:2000]
        return verify, join


@asynccontextmanager
async def at(stack: Stack) -> AsyncIterator[ComposeOffice]:
    """An office with a token."""
    office = ComposeOffice(stack)
    try:
        await office.start()
        yield office
    finally:
        await office.stop()

"""Driver of the Compose project: sends requests to the gateway and reads e-mail messages from Mailpit."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.acceptance.kinvite_up import KinviteUp
from tests.integration.compose.project import ComposeProject
from tests.support.waiting import eventually

_LINK = re.compile(r"https?://[^\s<>\"]+/(?:verify|join)/[\w-]{22}")
_PAGE = 500
PASSWORD = "correct horse battery 1"


class ComposeDriver(KinviteUp):
    """Sends requests with a token minted inside a container. It starts and ends no process."""

    def __init__(self, project: ComposeProject) -> None:
        super().__init__(Path())
        self.project = project
        self.port = project.port
        self.client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{project.port}", timeout=60)
        self._mailpit = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{project.mailpit_port}/api/v1", timeout=60
        )

    async def start(self) -> None:
        """Get a token as docs/operations.md describes it."""
        self.client.headers["Authorization"] = f"Bearer {self.project.token}"

    async def stop(self) -> None:
        """Close all connections."""
        await self.client.aclose()
        await self._mailpit.aclose()

    async def messages(self, **filters: str) -> list[Any]:
        """Return the messages in Mailpit, with their links only for the messages to the address `to`.

        Links take one request per message.
        """
        entries: list[Any] = []
        while True:
            page = await self._get_page(len(entries))
            entries += page["messages"]
            if len(page["messages"]) < _PAGE:
                break
        messages = [
            {"id": entry["ID"], "to": entry["To"][0]["Address"], "received_at": entry["Created"]}
            for entry in entries
        ]
        if "to" in filters:
            messages = [
                {**message, "links": await self._get_links(message["id"])}
                for message in messages
                if message["to"] == filters["to"]
            ]
        return messages

    async def _get_page(self, start: int) -> Any:
        try:
            answer = await self._mailpit.get("/messages", params={"start": start, "limit": _PAGE})
        except httpx.TransportError as error:
            raise AssertionError("Mailpit does not answer") from error
        return answer.json()

    async def _get_links(self, message_id: str) -> list[str]:
        message = (await self._mailpit.get(f"/message/{message_id}")).json()
        return _LINK.findall(message["Text"])

    async def invite_all(self, school_id: str) -> str:
        """Start a bulk run by e-mail for all parents and return its id."""
        run = await self.post(
            f"/invitations/v1/schools/{school_id}/bulk",
            {"select": {"all": True}, "channel": "email"},
            status=202,
        )
        return str(run["bulk_id"])

    async def wait_until_all_can_be_messaged(self, school_id: str, parents: int) -> None:
        """Wait until the preview of a run for all counts `parents` parents, so that `invitations` has all of them."""

        async def arrived() -> None:
            body = {"select": {"all": True}, "channel": "email", "dry_run": True}
            preview = await self.post(f"/invitations/v1/schools/{school_id}/bulk", body)
            assert preview["to_message"] == parents, preview

        await eventually(arrived, within_seconds=120, every_seconds=0.5)

    async def wait_for_run(self, school_id: str, bulk_id: str, *states: str) -> Any:
        """Return the bulk run once it is in one of the states."""

        async def get_run() -> Any:
            run = await self.get(f"/invitations/v1/schools/{school_id}/bulk/{bulk_id}")
            assert run["state"] in states, run
            return run

        return await eventually(get_run, within_seconds=180, every_seconds=0.5)

    async def list_parents(self, school_id: str) -> list[Any]:
        """Return the rows of the status view."""
        return await self.items(f"/dashboard/v1/schools/{school_id}/parents")

    async def sign_up(self, address: str, username: str) -> tuple[str, str]:
        """Verify an invited address and sign up; return the two links that were used."""
        async with httpx.AsyncClient(follow_redirects=True, timeout=60) as parent:
            verify = await self.wait_for_link(address, "verify")
            assert (await parent.get(verify)).status_code == 200
            assert (await parent.post(verify)).status_code == 200
            join = await self.wait_for_link(address, "join")
            answer = await parent.post(join, data={"username": username, "password": PASSWORD})
            assert answer.status_code == 200, answer.text[:2000]
        return verify, join


@asynccontextmanager
async def open_driver(project: ComposeProject) -> AsyncIterator[ComposeDriver]:
    """Open a driver with a token and close it after the block."""
    driver = ComposeDriver(project)
    try:
        await driver.start()
        yield driver
    finally:
        await driver.stop()

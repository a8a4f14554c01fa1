"""HTTP client of the sample school's staff: registers the school, imports the spreadsheet, sends invitations."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from deploy.cli.api import Api, Refused, poll_until

SCHOOL = {
    "name": "Riverside Primary School (sample)",
    "country": "GB",
    "language": "en",
    "timezone": "Europe/London",
    "credentials_mode": "self_service",
}
_FINAL_IMPORT_STATES = frozenset({"applied", "refused", "failed"})
_FINAL_RUN_STATES = frozenset({"done", "cancelled"})


class SchoolClient:
    """Requests of one school's staff. All methods raise Refused and Unavailable; exceptions are documented."""

    def __init__(self, api: Api, school_id: str) -> None:
        self.api = api
        self.school_id = school_id

    @classmethod
    async def open(cls, api: Api) -> SchoolClient:
        """Return a client for the sample school, which is registered if it does not exist yet."""
        client = await cls.find(api)
        if client is not None:
            return client
        school = await api.post("/roster/v1/schools", SCHOOL)
        return cls(api, school["school_id"])

    @classmethod
    async def find(cls, api: Api) -> SchoolClient | None:
        """Return a client for the sample school, None if it is not registered."""
        async for school in api.list_items("/roster/v1/schools"):
            if school["name"] == SCHOOL["name"]:
                return cls(api, school["school_id"])
        return None

    async def import_families(self, content: str) -> AsyncIterator[dict[str, Any]]:
        """Import the spreadsheet and yield the state of the import until it has ended.

        A repeated import changes nothing.
        """
        root = f"/roster/v1/schools/{self.school_id}/imports"
        fields = {"skip_bad_rows": "true"}
        upload = await self.api.upload(root, "families.csv", content.encode(), fields)
        async for state in poll_until(self.api, f"{root}/{upload['import_id']}", states=_FINAL_IMPORT_STATES):
            yield state

    async def preview(self, select: dict[str, Any], channel: str = "email") -> dict[str, Any]:
        """Return the preview of a bulk run: how many would get a message, and how many would not, by reason."""
        body = {"select": select, "channel": channel, "dry_run": True}
        preview: dict[str, Any] = await self.api.post(f"/invitations/v1/schools/{self.school_id}/bulk", body)
        return preview

    async def invite_all(
        self, select: dict[str, Any], channel: str = "email"
    ) -> AsyncIterator[dict[str, Any]]:
        """Start a bulk run and yield its state until it has ended. Raises Refused if the channel is not set up."""
        root = f"/invitations/v1/schools/{self.school_id}/bulk"
        run = await self.api.post(
            root, {"select": select, "channel": channel}, key=f"demo-{self.school_id}-{channel}"
        )
        async for state in poll_until(self.api, f"{root}/{run['bulk_id']}", states=_FINAL_RUN_STATES):
            yield state

    async def invite_again(self, parent_id: str) -> bool:
        """Re-invite one parent and return whether that was allowed."""
        try:
            root = f"/invitations/v1/schools/{self.school_id}/invitations"
            await self.api.post(root, {"parent_id": parent_id})
        except Refused:
            return False
        return True

    async def withdraw(self, parent_id: str) -> None:
        """Withdraw a parent's invitation."""
        root = f"/invitations/v1/schools/{self.school_id}/invitations"
        await self.api.send("DELETE", f"{root}/{parent_id}")

    async def list_parents(self) -> list[dict[str, Any]]:
        """Return the rows of the status view."""
        return [row async for row in self.api.list_items(f"/dashboard/v1/schools/{self.school_id}/parents")]

    async def count_roster_parents(self) -> int:
        """Return the number of parents in the roster, which the status view reaches a moment later."""
        summary = await self.api.get(f"/roster/v1/schools/{self.school_id}/summary")
        return int(summary["parents"])

    async def count_by_status(self) -> dict[str, int]:
        """Return the number of parents by status, and under `total` of all."""
        summary = await self.api.get(f"/dashboard/v1/schools/{self.school_id}/summary")
        return {**summary["status"], "total": summary["total"]}

    async def set_behaviour(
        self, addresses: Sequence[str], behaviour: str, *, times: int | None = None
    ) -> bool:
        """Set how the mailbox's recipients behave and return whether the mailbox supports that."""
        for address in addresses:
            body = {"to": address, "behaviour": behaviour, "times": times}
            try:
                await self.api.post("/mailbox/v1/behaviours", body)
            except Refused:
                return False
        return True

    async def reply(self, number: str, text: str) -> None:
        """Reply to a text message from a phone number."""
        await self.api.post("/mailbox/v1/replies", {"to": number, "channel": "sms", "text": text})

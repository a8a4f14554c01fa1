"""What the office does in the demo: it registers the school, loads the spreadsheet, invites, and invites again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from deploy.cli.api import Api, Refused, followed

SCHOOL = {
    "name": "Riverside Primary School (sample)",
    "country": "GB",
    "language": "en",
    "timezone": "Europe/London",
    "credentials_mode": "self_service",
}
_APPLIED = frozenset({"applied", "refused", "failed"})
_RUN_ENDED = frozenset({"done", "cancelled"})


class Office:
    """One school and its staff, over HTTP."""

    def __init__(self, api: Api, school_id: str) -> None:
        self.api = api
        self.school_id = school_id

    @classmethod
    async def open(cls, api: Api) -> Office:
        """The sample school of this installation, registered when it is not there yet."""
        found = await cls.find(api)
        if found is not None:
            return found
        made = await api.post("/roster/v1/schools", SCHOOL)
        return cls(api, made["school_id"])

    @classmethod
    async def find(cls, api: Api) -> Office | None:
        """The same, if it is there."""
        async for school in api.items("/roster/v1/schools"):
            if school["name"] == SCHOOL["name"]:
                return cls(api, school["school_id"])
        return None

    async def load(self, content: str) -> AsyncIterator[dict[str, Any]]:
        """Import the spreadsheet; the import's progress until it has ended. Loading it again changes nothing."""
        root = f"/roster/v1/schools/{self.school_id}/imports"
        fields = {"skip_bad_rows": "true"}
        started = await self.api.upload(root, "families.csv", content.encode(), fields)
        async for state in followed(self.api, f"{root}/{started['import_id']}", until=_APPLIED):
            yield state

    async def preview(self, select: dict[str, Any], channel: str = "email") -> dict[str, Any]:
        """Who would get a message, and who not, by reason."""
        body = {"select": select, "channel": channel, "dry_run": True}
        answer: dict[str, Any] = await self.api.post(f"/invitations/v1/schools/{self.school_id}/bulk", body)
        return answer

    async def invite_all(
        self, select: dict[str, Any], channel: str = "email"
    ) -> AsyncIterator[dict[str, Any]]:
        """A bulk run; its progress until it has ended. Raises Refused where the channel is not set up."""
        root = f"/invitations/v1/schools/{self.school_id}/bulk"
        run = await self.api.post(
            root, {"select": select, "channel": channel}, key=f"demo-{self.school_id}-{channel}"
        )
        async for state in followed(self.api, f"{root}/{run['bulk_id']}", until=_RUN_ENDED):
            yield state

    async def invite_again(self, parent_id: str) -> bool:
        """Re-invite one parent; whether that was allowed."""
        try:
            root = f"/invitations/v1/schools/{self.school_id}/invitations"
            await self.api.post(root, {"parent_id": parent_id})
        except Refused:
            return False
        return True

    async def withdraw(self, parent_id: str) -> None:
        """Take an invitation back."""
        root = f"/invitations/v1/schools/{self.school_id}/invitations"
        await self.api.send("DELETE", f"{root}/{parent_id}")

    async def parents(self) -> list[dict[str, Any]]:
        """The status view."""
        return [row async for row in self.api.items(f"/dashboard/v1/schools/{self.school_id}/parents")]

    async def on_the_roll(self) -> int:
        """How many parents the roster has; the status view has them a moment later."""
        summary = await self.api.get(f"/roster/v1/schools/{self.school_id}/summary")
        return int(summary["parents"])

    async def counts(self) -> dict[str, int]:
        """How many parents stand where: status words and `total`."""
        summary = await self.api.get(f"/dashboard/v1/schools/{self.school_id}/summary")
        return {**summary["status"], "total": summary["total"]}

    async def play(self, addresses: Sequence[str], behaviour: str, *, times: int | None = None) -> bool:
        """Tell the mailbox how these addresses behave; whether it can."""
        for address in addresses:
            body = {"to": address, "behaviour": behaviour, "times": times}
            try:
                await self.api.post("/mailbox/v1/behaviours", body)
            except Refused:
                return False
        return True

    async def reply(self, number: str, text: str) -> None:
        """The owner of a number answers a text message. Raises Refused and Unavailable."""
        await self.api.post("/mailbox/v1/replies", {"to": number, "channel": "sms", "text": text})
